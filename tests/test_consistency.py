"""What must agree with what: sizes, codes, imports, names."""

import ast
from pathlib import Path

import pytest

from amalfa import errors
from amalfa.errors import EXIT_CODES, AmalfaError

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "amalfa").rglob("*.py"))
MAX_LINES = 350


def _classes(kind: type[AmalfaError]) -> list[type[AmalfaError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _classes(child))]


def test_every_error_class_of_the_tree_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AmalfaError)]
    assert len(codes) == len(set(codes))
    assert set(codes) == set(EXIT_CODES)


def test_exit_codes_are_the_documented_ones() -> None:
    assert set(EXIT_CODES.values()) == {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_one_idea_and_says_which(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    if path.name != "__init__.py":
        assert ast.get_docstring(ast.parse(text)), "the first line says what the module is for"


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "misc", "manager"])
def test_there_are_no_drawers(name: str) -> None:
    assert not [path for path in SOURCES if path.stem == name]
