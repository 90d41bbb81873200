import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from amalfa.config.fields import setting_rows
from amalfa.config.jsonc import read_json
from amalfa.config.schema import SHIPPED, make_schema, schema_text
from amalfa.config.template import config_template

REPOSITORY = Path(__file__).parents[2]


def accepts(value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(make_schema()).is_valid(value))


def test_the_shipped_schema_is_the_one_made_from_the_settings() -> None:
    assert SHIPPED.read_text() == schema_text(), "python -m amalfa.config.schema > amalfa/config/schema.json"


def test_it_can_be_printed() -> None:
    command = [sys.executable, "-m", "amalfa.config.schema"]
    printed = subprocess.run(command, capture_output=True, check=True, cwd=REPOSITORY, text=True).stdout
    assert printed == schema_text()


def test_it_is_a_schema_and_every_property_is_described() -> None:
    jsonschema.Draft202012Validator.check_schema(make_schema())
    definitions = make_schema()["$defs"]
    assert isinstance(definitions, dict)
    for name, group in definitions.items():
        for key, one in group.get("properties", {}).items():  # type: ignore[union-attr]
            assert one.get("description") or "$ref" in one, f"{name}.{key}"


def test_every_setting_has_a_meaning() -> None:
    rows = setting_rows()
    assert all(row.description.endswith(".") for row in rows)
    assert len({row.key for row in rows}) == len(rows)


@pytest.mark.parametrize("text", [(REPOSITORY / "amalfa.config.json").read_text(), config_template()])
def test_the_shipped_files_fit_it(text: str) -> None:
    document = read_json(text, name="f")
    assert document.root is not None
    assert accepts(document.root.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, True),
        ({"$schema": "x"}, True),
        ({"sonar": {"host": "a", "cloud": {"enabled": "auto"}, "cache": False}}, True),
        ({"sonar": {"host": ["a"], "routing": {"chain": ["a", {"model": "b", "temperature": 1}]}}}, True),
        ({"sonar": {"pipelines": {"a": "f", "b": {"x": [1]}}, "catalog": {"m": {"price": 1, "json": True}}}}, True),
        ({"sonar": {"modle": "a"}}, False),
        ({"sonar": {"host": 1}}, False),
        ({"sonar": {"cloud": {"enabled": "yes"}}}, False),
        ({"sonar": {"tasks": {"cook": {}}}}, False),
        ({"sonar": {"routing": {"chain": "a"}}}, False),
    ],
)
def test_it_agrees_with_the_loader(value: object, expected: bool) -> None:
    assert accepts(value) is expected


def test_it_is_json_without_generated_titles() -> None:
    assert json.loads(schema_text())["title"] == "amalfa.config.json"
    assert schema_text().count('"title"') == 1
