import ast
import re
from functools import cache
from pathlib import Path

import pytest

from amalfa.config.fields import SettingRow, setting_rows
from amalfa.config.load import load
from amalfa.config.unread import UNREAD, is_unread
from amalfa.paths import Project

PACKAGE = Path(__file__).parents[2] / "amalfa"

READ_BY_CONFIG = (
    "sonar.providers.*.type",
    "sonar.providers.*.hosts",
    "sonar.providers.*.baseUrl",
    "sonar.providers.*.apiKey",
    "sonar.providers.*.headers",
    "sonar.providers.*.basicAuth.",
    "sonar.host",
    "sonar.cloud.host",
)
"""What becomes endpoints and keys, which is the form in which the rest of sonar gets it."""


@cache
def attributes() -> frozenset[tuple[str, str]]:
    """Every `owner.attribute` in the code outside the configuration itself."""
    files = (path for path in PACKAGE.rglob("*.py") if path.parent.name != "config")
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text())))
    return frozenset((_name(node.value), node.attr) for node in nodes if isinstance(node, ast.Attribute))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("row", setting_rows(), ids=lambda row: row.key)
def test_every_setting_has_a_reader_or_stands_in_the_list(row: SettingRow) -> None:
    is_read = any(attribute == row.attribute for _, attribute in attributes())
    assert is_unread(row.key) or row.key.startswith(READ_BY_CONFIG) or is_read


@pytest.mark.parametrize("entry", UNREAD)
def test_the_list_names_only_settings_that_exist_and_says_what_will_read_them(entry: str) -> None:
    assert any(row.key == entry or row.key.startswith((f"{entry}.", f"{entry}[")) for row in setting_rows())
    assert UNREAD[entry]


@pytest.mark.parametrize("entry", UNREAD)
def test_a_setting_that_is_read_leaves_the_list(entry: str) -> None:
    *_, owner, name = (re.sub(r"(?<!^)([A-Z])", r"_\1", part).lower() for part in entry.split(".") if part != "*")
    readers = {(one, attribute) for one, attribute in attributes() if attribute == name}
    assert not readers & {(owner, name), (owner.rstrip("s"), name)}, f"{entry} is read, so it is not unread"


def test_whoever_sets_a_limit_that_is_not_kept_yet_is_told(tmp_path: Path) -> None:
    config = tmp_path / "amalfa.config.json"
    config.write_text('{"sonar": {\n"cache": {"maxAgeDays": 1},\n"providers": {"openrouter": {"rpm": 5}}}}')
    loaded = load(Project(tmp_path, config), environ={})
    told = {(warning.line, warning.message.partition(" ")[0]) for warning in loaded.warnings}
    assert told == {(2, "sonar.cache.maxAgeDays"), (3, "sonar.providers.openrouter.rpm")}


def test_a_configuration_without_such_settings_has_no_warning(tmp_path: Path) -> None:
    config = tmp_path / "amalfa.config.json"
    config.write_text('{"sonar": {"model": "phi3"}}')
    assert load(Project(tmp_path, config), environ={}).warnings == ()
