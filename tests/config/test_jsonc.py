import json
import math

import pyjson5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.jsonc import MAX_DEPTH, read_json
from amalfa.config.keypath import KeyPath

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=25,
)
NOISE = st.sampled_from(["", " ", "\n", "\t", "\r\n", "// note\n", "/* a\n b */", "/**/", '// "x": {[\n', "\n\n"])


class Writer:
    """Writes a value with noise between all tokens and commas after last members, and notes the line of each path."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[KeyPath, int] = {}

    def write(self, value: object, path: KeyPath = ()) -> None:
        self.noise()
        if path and isinstance(path[-1], int):
            self.lines[path] = self.line()
        if isinstance(value, dict):
            self.container("{", "}", list(value.items()), path)
        elif isinstance(value, list):
            self.container("[", "]", list(enumerate(value)), path)
        else:
            self.text += json.dumps(value, ensure_ascii=self.draw(st.booleans()))
        self.noise()

    def container(self, opening: str, closing: str, items: list[tuple[str | int, object]], path: KeyPath) -> None:
        self.text += opening
        for index, (key, value) in enumerate(items):
            self.noise()
            if isinstance(key, str):
                self.lines[(*path, key)] = self.line()
                self.text += json.dumps(key)
                self.noise()
                self.text += ":"
            self.write(value, (*path, key))
            if index < len(items) - 1 or self.draw(st.booleans()):
                self.text += ","
        self.noise()
        self.text += closing

    def noise(self) -> None:
        self.text += self.draw(NOISE)

    def line(self) -> int:
        return self.text.replace("\r\n", "\n").count("\n") + 1


@st.composite
def noisy(draw: st.DrawFn) -> tuple[object, Writer]:
    value = draw(VALUES)
    writer = Writer(draw)
    writer.write(value)
    return value, writer


def problems(text: str) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.message) for problem in read_json(text, name="f").problems]


def value(text: str) -> object:
    document = read_json(text, name="f")
    assert document.problems == ()
    assert document.root is not None
    return document.root.value


@given(VALUES, st.sampled_from([None, 2, "\t"]))
def test_any_json_is_read_as_the_standard_library_reads_it(original: object, indent: int | str | None) -> None:
    text = json.dumps(original, indent=indent)
    read = value(text)
    assert read == json.loads(text)
    assert json.dumps(read) == json.dumps(json.loads(text))


@given(noisy())
def test_comments_blanks_and_trailing_commas_change_no_value_and_every_line_is_known(
    case: tuple[object, Writer],
) -> None:
    original, writer = case
    document = read_json(writer.text, name="f")
    assert document.problems == ()
    assert document.root is not None
    assert document.root.value == original == pyjson5.decode(writer.text)
    assert {path: document.line_of(path) for path in writer.lines} == writer.lines


@given(st.text(alphabet="{}[]\",:/*\n \\u0a1-e.tfnN'") | st.text())
def test_no_text_makes_the_reader_raise_and_what_it_refuses_it_explains(text: str) -> None:
    document = read_json(text, name="f")
    assert document.problems or document.root is not None
    assert all(
        problem.line and 1 <= problem.line <= text.count("\n") + text.count("\r") + 1 for problem in document.problems
    )


@given(VALUES, st.data())
def test_a_text_cut_short_is_never_taken_for_a_whole_one(original: object, data: st.DataObject) -> None:
    text = json.dumps({"a": original})
    cuts = data.draw(st.sets(st.integers(0, len(text) - 1), max_size=20))
    assert all(problems(text[:cut]) for cut in cuts | {len(text) - 1})


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the file is empty; an empty configuration is {}"),
        ("// only a comment\n", 2, "the file is empty; an empty configuration is {}"),
        ('{\n"a": NaN\n}', 2, "NaN and Infinity are not numbers here"),
        ('{"a": -Infinity}', 1, "NaN and Infinity are not numbers here"),
        ('{"a": 1e999}', 1, "this number is too large"),
        ('{"a": ' + "9" * 5000 + "}", 1, "this number is too large"),
        ('{"a": True}', 1, "this is not a value; did you mean true?"),
        ('{"a": 01}', 1, "this is neither a number, true, false nor null; text needs double quotes"),
        ('{"a": sk-secret}', 1, "this is neither a number, true, false nor null; text needs double quotes"),
        ('{"a": "\\ud800"}', 1, "half of a surrogate pair is not a character"),
        (
            '{"a": "x\ny"}',
            1,
            "the text that begins here has no closing quote on its line, or holds a control character",
        ),
        ("{'a': 1}", 1, "a key in double quotes belongs here, there is a single quote"),
        ("{\"a\": 'b'}", 1, "a value is missing here, there is a single quote"),
        ("{a: 1}", 1, "a key needs double quotes"),
        ('{"a" 1}', 1, "a colon is missing after the key, there is 1"),
        ('{"a": 1 2}', 1, "a comma or } is missing before 2"),
        ('{"a": 1\n"b": 2}', 2, "a comma is missing before this"),
        ("[,]", 1, "there is a comma with nothing before it"),
        ("[1,,2]", 1, "there is a comma with nothing before it"),
        ('{"a": 1}\n}', 2, "nothing may follow the end of the configuration, but there is }"),
        ('{"a": [1\n\n', 3, "the [ of line 1 is never closed"),
        ('{"a": 1 /* \n', 1, "the comment that begins here is never closed"),
        ("[" * (MAX_DEPTH + 1), 1, "nested more than 64 levels deep"),
        ('{"a":\u00a01}', 1, "a value is missing here, there is NO-BREAK SPACE"),
    ],
)
def test_each_slip_is_named_at_its_line(text: str, line: int, message: str) -> None:
    assert problems(text)[0] == (line, message)


def test_bad_escapes_are_explained() -> None:
    assert "backslash" in problems(r'{"a": "C:\path"}')[0][1]


def test_reading_goes_on_behind_what_can_be_skipped_so_that_all_slips_show_at_once() -> None:
    text = '{\n"a": NaN,\n"b": 1\n"c": yes,\n"b": 2,\nd: 3\n}'
    assert [line for line, _ in problems(text)] == [2, 4, 4, 5, 6]
    document = read_json(text, name="f")
    assert document.root is not None
    assert document.root.value == {"b": 1}


def test_a_key_written_twice_is_refused_and_both_lines_are_named() -> None:
    assert problems('{\n"a": 1,\n"b": {"a": 1},\n"a": 1}') == [(4, '"a" is written twice, first on line 2')]


def test_nesting_may_be_as_deep_as_the_limit() -> None:
    assert value("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None


def test_a_byte_order_mark_is_tolerated_at_the_start_only() -> None:
    assert value('\ufeff{"a": 1}') == {"a": 1}
    assert problems('{"a": \ufeff1}')


def test_numbers_keep_their_kind() -> None:
    read = value("[1, 1.0, -0.0, 1e2]")
    assert isinstance(read, list)
    assert [type(number) for number in read] == [int, float, float, float]
    assert math.copysign(1, read[2]) == -1


def test_the_line_of_a_missing_path_is_that_of_its_nearest_ancestor() -> None:
    document = read_json('{\n"a": {\n"b": [\n1,\n2]}}', name="f")
    assert document.line_of(("a", "x")) == document.line_of(("a", "x", "y")) == 2
    assert document.line_of(("a", "b", 1)) == 5
    assert document.line_of(("a", "b", 9)) == 3
    assert document.line_of(()) == 1


def test_old_and_foreign_line_ends_count_as_one_line() -> None:
    assert problems('{\r\n"a": 1,\r"b": NaN}')[0][0] == 3
