"""Keeps providers' lists of models on disk, one JSON file each, with its date. Fetches nothing."""

import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from amalfa.calls import Price
from amalfa.config.sources import read_file
from amalfa.files import write_atomically
from amalfa.providers.model_facts import Facts, Listed
from amalfa.providers.untrusted_json import JsonObject, count_at, number_at, object_at, parse_object, text_at

log = logging.getLogger("amalfa.providers.catalogue")

FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class ListFile:
    """One provider's list: where it came from, when, and its models by name."""

    provider: str
    url: str
    as_of: datetime
    models: Mapping[str, Listed]


def read_lists(folder: Path) -> dict[str, ListFile]:
    """Every list in the folder, by provider. What cannot be read is set aside as `NAME.json.broken`, never fatal."""
    found: dict[str, ListFile] = {}
    with suppress(OSError):
        for path in sorted(folder.glob("*.json")):
            if (read := _read(path)) is not None:
                found[read.provider] = read
            else:
                _set_aside(path)
    return found


def write_list(folder: Path, kept: ListFile) -> None:
    """Put a list on disk, readable by its user only. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {
        "format": FORMAT,
        "provider": kept.provider,
        "url": kept.url,
        "as_of": kept.as_of.isoformat(),
        "models": {name: _written(listed) for name, listed in kept.models.items()},
    }
    data = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    write_atomically(folder / f"{kept.provider}.json", data, 0o600)


def _read(path: Path) -> ListFile | None:
    content = parse_object(read_file(path).text or "")
    if content is None or content.get("format") != FORMAT or text_at(content, "provider") != path.stem:
        return None
    as_of = _moment(text_at(content, "as_of"))
    models = object_at(content, "models")
    if as_of is None or not models or not _NAME.fullmatch(path.stem):
        return None
    listed = {name: _listed(entry) for name, entry in models.items() if isinstance(entry, dict)}
    return ListFile(path.stem, text_at(content, "url"), as_of, listed)


def _set_aside(path: Path) -> None:
    log.warning("the list of models in %s cannot be read and is set aside", path.name)
    with suppress(OSError):
        path.replace(path.with_name(f"{path.name}.broken"))


def _written(listed: Listed) -> dict[str, object]:
    facts = listed.facts
    told = {
        "input_usd": facts.price.input_usd if facts.price else None,
        "output_usd": facts.price.output_usd if facts.price else None,
        "context": facts.context_tokens,
        "json": facts.has_json,
        "json_object": facts.has_json_object,
        "tools": facts.has_tools,
        "expires": listed.expires.isoformat() if listed.expires else None,
    }
    return {key: value for key, value in told.items() if value is not None}


def _listed(entry: JsonObject) -> Listed:
    read, written = number_at(entry, "input_usd"), number_at(entry, "output_usd")
    facts = Facts(
        price=Price(read, written) if read is not None and written is not None else None,
        context_tokens=count_at(entry, "context"),
        has_json=_told(entry, "json"),
        has_json_object=_told(entry, "json_object"),
        has_tools=_told(entry, "tools"),
    )
    expires: date | None = None
    with suppress(ValueError):
        expires = date.fromisoformat(text_at(entry, "expires"))
    return Listed(facts, expires)


def _told(entry: JsonObject, key: str) -> bool | None:
    value = entry.get(key)
    return value if isinstance(value, bool) else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
