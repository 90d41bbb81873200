import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.jsonc import read_json
from amalfa.config.text_edit import put_value
from amalfa.errors import UsageProblem
from tests.config.test_jsonc import VALUES, Writer

COMMENTED = """\
// Head.
{
    "a": 1, // first
    /* before b */
    "b": {
        "c": [1, 2], // list

        // nothing below
    },
    "d": {}, "e": {"f": 1}
    // tail
}
"""


def put(text: str, path: tuple[str | int, ...], value: object) -> str:
    root = read_json(text, name="f").root
    assert root is not None
    return put_value(text, root, path, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("a",), "x", '"a": 1, // first', '"a": "x", // first'),
        (("b", "c"), [3], '"c": [1, 2], // list', '"c": [3], // list'),
        (("b", "c", 1), 9, "[1, 2]", "[1, 9]"),
        (("b", "new"), True, "        // nothing below\n", '        // nothing below\n        "new": true,\n'),
        (("d", "x"), 1, '"d": {}', '"d": {\n        "x": 1\n    }'),
        (("e", "x"), 1, '{"f": 1}', '{"f": 1, "x": 1}'),
        (("z",), 1, '{"f": 1}\n    // tail\n', '{"f": 1},\n    // tail\n    "z": 1\n'),
        (
            ("z", "y"),
            1,
            '{"f": 1}\n    // tail\n',
            '{"f": 1},\n    // tail\n    "z": {\n        "y": 1\n    }\n',
        ),
        (("a", "x"), 1, '"a": 1,', '"a": {\n        "x": 1\n    },'),
    ],
)
def test_only_the_one_place_changes(path: tuple[str | int, ...], value: object, old: str, new: str) -> None:
    assert COMMENTED.count(old) == 1
    assert put(COMMENTED, path, value) == COMMENTED.replace(old, new)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '{\n  "k": 1\n}'),
        ("{ // why\n}", '{ // why\n  "k": 1\n}'),
        ('{"a": 1}', '{"a": 1, "k": 1}'),
        ('{"a": 1,}', '{"a": 1, "k": 1,}'),
        ('{\r\n\t"a": 1\r\n}\r\n', '{\r\n\t"a": 1,\r\n\t"k": 1\r\n}\r\n'),
        ('{\n  "a": 1, // c\n}', '{\n  "a": 1, // c\n  "k": 1,\n}'),
    ],
)
def test_a_new_key_follows_the_layout_it_finds(text: str, expected: str) -> None:
    assert put(text, ("k",), 1) == expected


def test_items_that_are_not_there_cannot_be_set() -> None:
    for path in (("b", "c", 5), ("n", 0)):
        with pytest.raises(UsageProblem):
            put(COMMENTED, path, 1)


@given(
    st.data(),
    st.dictionaries(st.text(max_size=4), VALUES, max_size=4),
    st.lists(st.text(max_size=4), min_size=1, max_size=3),
    VALUES,
)
def test_any_edit_of_any_text_changes_that_value_and_no_other(
    data: st.DataObject, tree: dict[str, object], path: list[str], value: object
) -> None:
    writer = data.draw(st.composite(lambda draw: _written(draw, tree))())
    expected = json.loads(json.dumps(tree))
    here = expected
    for part in path[:-1]:
        if not isinstance(here.get(part), dict):
            here[part] = {}
        here = here[part]
    here[path[-1]] = value
    document = read_json(put(writer.text, tuple(path), value), name="f")
    assert document.problems == ()
    assert document.root is not None
    assert document.root.value == expected


def _written(draw: st.DrawFn, tree: object) -> Writer:
    writer = Writer(draw)
    writer.write(tree)
    return writer
