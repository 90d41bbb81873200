"""Reading replies: what is JSON is left alone, what has one reading is repaired, the rest is refused."""

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.errors import BadReply
from amalfa.execution.structured.limits import is_long
from amalfa.execution.structured.read import read_reply
from amalfa.execution.structured.strict import REPLY_MAX_BYTES

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE / "cases_schema.json").read_text())
CASES = [json.loads(line) for line in (HERE / "cases.jsonl").read_text().splitlines()]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
marks = st.text(alphabet="\"'`“”‘’{}[](),;:=\\/#*<>!-+.…\n\t abn01`~_|tfu｛：", max_size=40)
thorny = st.recursive(
    st.none() | st.booleans() | st.integers() | marks,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(marks, inner, max_size=4),
    max_leaves=8,
)
roots = st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4)
thorny_roots = st.lists(thorny, max_size=4) | st.dictionaries(marks, thorny, max_size=4)
documents = roots | thorny_roots


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_every_sample_reads_exactly(case: dict[str, object]) -> None:
    schema = SCHEMA if str(case["class"]).startswith("schema/") else None
    if case["expect"] is None:
        with pytest.raises(BadReply):
            read_reply(str(case["raw"]), schema)
    else:
        read = read_reply(str(case["raw"]), schema).value
        assert json.dumps(read) == json.dumps(case["expect"])


@given(documents)
def test_valid_json_is_never_edited(value: object) -> None:
    reply = read_reply(json.dumps(value))
    assert (reply.value, reply.repairs) == (value, ())
    assert read_reply(json.dumps(value, ensure_ascii=False, indent=1)).value == value


WRAPS = {
    "a fence": "```json\n{}\n```",
    "a fence of tildes": "~~~\r\n{}\r\n~~~",
    "an unclosed fence": "```\n{}",
    "prose": "Sure! Here is what you asked for:\n\n{}\n\nI hope this helps.",
    "prose with marks": "As the note [1] says (see [the docs](https://a.b/c)), use {{name}}:\n{}\nDone.",
    "a thought": '<think>Maybe {{"title": "draft"}}? "No", I\'d say [1].</think>\n{}',
    "the end of a thought": 'Perhaps {{"title": \n</think>\n{}',
    "a broken draft in a thought": '<think>{{"a": , </think>{}<|im_end|>',
    "a call": "save_note({});",
    "an assignment": "const reply = {};",
    "a tag": "<json>{}</json>",
    "comments": "/* the note */ {} // done",
    "a channel": "<|channel|>analysis<|message|>hm {{<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
    "a byte order mark": "\ufeff{}",
}


@pytest.mark.parametrize("wrap", [pytest.param(wrap, id=name) for name, wrap in WRAPS.items()])
@given(value=documents)
def test_what_stands_around_changes_nothing(wrap: str, value: object) -> None:
    reply = read_reply(wrap.format(json.dumps(value)))
    assert reply.value == value
    assert reply.repairs


@given(documents, st.data())
def test_a_prefix_is_refused_or_invents_and_shortens_nothing(value: object, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    prefix = text[: data.draw(st.integers(0, len(text) - 1))]
    try:
        reply = read_reply(prefix)
    except BadReply:
        return
    assert _is_part(reply.value, value)


def _is_part(part: object, whole: object) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and _is_part(item, whole[key]) for key, item in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(_is_part, part, whole))
    return type(part) is type(whole) and part == whole


@given(st.text(max_size=300) | st.text(alphabet="{}[](),:\"'`\\/*#-+.0123456789abtfnu <>\n", max_size=300))
def test_any_text_ends_in_a_value_or_our_refusal(text: str) -> None:
    try:
        reply = read_reply(text)
    except BadReply:
        return
    assert isinstance(reply.value, dict | list)
    json.dumps(reply.value, allow_nan=False).encode()


FLOODS = {
    "open brackets": "[",
    "braces": "{x} ",
    "keys": '{"a":',
    "quotes": '"',
    "a string of quotes": '["a" x ',
    "apostrophes": "{'a': 'it's",
    "comments": "{//",
    "block comments": "[/*",
    "thoughts": "<think>",
    "ends of thoughts": '{"</think>',
    "fences": "```json\n",
    "broken objects": '{"a": 1,},',
    "items": '["x",',
    "numbers": "[1,",
    "escaped": '{\\"a\\": ',
    "blanks": " ",
    "backslashes": '["\\',
    "closers": "[1}]",
    "equal documents": '{"a":1}\n',
    "tuples": "(1,",
    "colons": '"a":"b" ',
    "footnotes": "[1] a ",
    "marks": 'a: {"b"',
    "words": "the same again ",
    "html": "<p>{{</p>",
}


@pytest.mark.parametrize("piece", [pytest.param(piece, id=name) for name, piece in FLOODS.items()])
def test_a_mebibyte_of_anything_ends_within_a_second(piece: str) -> None:
    floods = [
        piece * (REPLY_MAX_BYTES // len(piece)),
        '{"a": "' + piece * ((REPLY_MAX_BYTES - 20) // len(piece)) + '",}',
    ]
    floods.append("[" + piece * ((REPLY_MAX_BYTES - 20) // len(piece)))
    for text in floods:
        began = time.process_time()
        with suppress(BadReply):
            read_reply(text)
        assert time.process_time() - began < 1


def test_a_long_reply_is_read_off_the_loop() -> None:
    assert is_long("x" * 65_000)
    assert not is_long("{}")


def test_of_several_documents_the_only_one_that_fits_is_taken() -> None:
    good = {"title": "A", "tags": [], "kind": "log"}
    reply = read_reply(f'{{"thought": 1}}\n{json.dumps(good)}', SCHEMA)
    assert reply.value == good
    assert reply.repairs == ("chosen",)


def test_two_documents_that_fit_are_refused() -> None:
    both = [json.dumps({"title": title, "tags": [], "kind": "log"}) for title in "AB"]
    with pytest.raises(BadReply, match="several"):
        read_reply("\n".join(both), SCHEMA)


def test_every_repair_is_named() -> None:
    reply = read_reply("Here:\n```json\n{title: 'A', /* x */ \"n\": +1,}\n```")
    assert reply.value == {"title": "A", "n": 1}
    assert set(reply.repairs) == {"prose", "fence", "key", "quotes", "comment", "number", "comma"}
