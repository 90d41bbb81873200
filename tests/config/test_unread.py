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


def test_the_list_names_only_settings_that_exist_and_says_what_will_read_them() -> None:
    for entry, reader in UNREAD.items():
        assert any(row.key == entry or row.key.startswith((f"{entry}.", f"{entry}[")) for row in setting_rows())
        assert reader


def test_a_setting_that_is_read_leaves_the_list() -> None:
    for entry in UNREAD:
        *_, owner, name = (re.sub(r"(?<!^)([A-Z])", r"_\1", part).lower() for part in entry.split(".") if part != "*")
        readers = {(one, attribute) for one, attribute in attributes() if attribute == name}
        assert not readers & {(owner, name), (owner.rstrip("s"), name)}, f"{entry} is read, so it is not unread"


def test_whoever_sets_a_limit_that_is_not_kept_is_told(tmp_path: Path) -> None:
    config = tmp_path / "amalfa.config.json"
    config.write_text(
        '{"sonar": {\n"concurrency": {"cloud": 5},\n"providers": {"openrouter": {"rpm": 5}, "ollama": {\n"rpm": 5}}}}'
    )
    (warning,) = load(Project(tmp_path, config), environ={}).warnings
    assert warning.line == 4
    assert warning.message.startswith("sonar.providers.ollama.rpm is not kept for Ollama")


def test_a_setting_that_nothing_acts_on_yet_is_told_where_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amalfa.config.unread.UNREAD", {"sonar.model": "a later version"})
    config = tmp_path / "amalfa.config.json"
    config.write_text('{"sonar": {\n"model": "phi3"}}')
    (warning,) = load(Project(tmp_path, config), environ={}).warnings
    assert (warning.line, warning.message) == (
        2,
        "sonar.model is checked but not acted on yet; it waits for a later version",
    )


def test_a_configuration_without_such_settings_has_no_warning(tmp_path: Path) -> None:
    config = tmp_path / "amalfa.config.json"
    config.write_text('{"sonar": {"model": "phi3"}}')
    assert load(Project(tmp_path, config), environ={}).warnings == ()
