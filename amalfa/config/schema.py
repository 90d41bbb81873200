"""The JSON Schema of `amalfa.config.json`, made from the settings; `python -m amalfa.config.schema` prints it."""

import json
import sys
from pathlib import Path
from typing import cast

from amalfa.config.jsonc import Json
from amalfa.config.settings import Settings

SHIPPED = Path(__file__).with_name("schema.json")


def make_schema() -> dict[str, Json]:
    """The schema that editors and other programs check a configuration against."""
    made = cast("dict[str, Json]", Settings.model_json_schema(by_alias=True, mode="validation"))
    properties = cast("dict[str, Json]", made["properties"])
    pointer: Json = {"type": "string", "description": "Where this schema is, for editors; sonar does not read it."}
    made["properties"] = {"$schema": pointer, **properties}
    untitled = cast("dict[str, Json]", _without_titles(made))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "amalfa.config.json", **untitled}


def _without_titles(schema: Json) -> Json:
    """The schema without the titles that pydantic derives from names; none of our settings is called `title`."""
    if isinstance(schema, dict):
        return {key: _without_titles(inner) for key, inner in schema.items() if key != "title"}
    return [_without_titles(inner) for inner in schema] if isinstance(schema, list) else schema


def schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
