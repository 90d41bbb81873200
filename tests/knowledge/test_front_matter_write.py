"""A description goes into the front matter and comes out again, and every other byte stays."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amalfa.knowledge.front_matter_write import NotMergeable, merge, without_block
from amalfa.knowledge.frontmatter import read_front_matter

OUTPUT: dict[str, object] = {
    "title": "Not written",
    "summary": 'It says "how".\nAnd why.',
    "keywords": ["deploy", "back\\up"],
    "themes": [],
    "doc_type": "guide",
    "entities": ["A: b"],
}

PIECES = (
    *("---", "...", "title: A", "tags: [a, b]", "# c", "key: |", "key: |+", "key: >-", "  text", "a: &x 1", "b: *x"),
    *("amalfa: private", "- x", "\t", "", "keywords: [u]", "{a: 1}", "s: 'it''s'", "? q", ": z", "+++", 'k: "multi'),
    *('  line"', "<<: *x", "# amalfa metadata abc", "# end of amalfa metadata", " ", "\ufeff", "x: y # c", "--- x"),
)
NOTES = st.builds(
    lambda lines, end, mark, opening, tail: mark + opening + end.join(lines) + tail,
    st.lists(st.sampled_from(PIECES), max_size=10),
    st.sampled_from(["\n", "\r\n", "\r", "\u2028"]),
    st.sampled_from(["", "\ufeff"]),
    st.sampled_from(["", "---\n", "---\r\n", "--- \n"]),
    st.sampled_from(["", "\n", "\r\n---\r\nbody", "\n---\nbody", "\n...\n"]),
)
OUTPUTS = st.fixed_dictionaries(
    {
        "summary": st.text(),
        "keywords": st.lists(st.text(), max_size=4),
        "themes": st.lists(st.sampled_from(["amalfa: private", "---", "# x", "\ud800"]), max_size=2),
        "doc_type": st.just("guide"),
    }
)


def merged(text: str, output: dict[str, object] = OUTPUT) -> str:
    found = merge(text, output)
    assert isinstance(found, str), found
    return found


@given(st.one_of(NOTES, st.text()), OUTPUTS)
@example("", {"summary": "x"})
def test_taking_the_description_out_gives_back_the_original(text: str, output: dict[str, object]) -> None:
    found = merge(text, output)
    if isinstance(found, str):
        assert without_block(found) == without_block(text)
        assert merge(found, output) == found


@given(NOTES, OUTPUTS)
def test_who_may_see_a_note_and_what_it_is_called_never_changes(text: str, output: dict[str, object]) -> None:
    found = merge(text, output)
    if isinstance(found, str):
        before, after = (read_front_matter(one.replace("\r\n", "\n").split("\n")) for one in (text, found))
        assert (before.is_private, before.title, before.tags) == (after.is_private, after.title, after.tags)


def test_a_note_without_front_matter_gets_one() -> None:
    assert merged("# Deploy\n") == (
        "---\n"
        "# amalfa metadata 895c8928e34a, with the fences\n"
        'summary: "It says \\"how\\". And why."\n'
        'keywords: ["deploy", "back\\\\up"]\n'
        'doc_type: "guide"\n'
        'entities: ["A: b"]\n'
        "# end of amalfa metadata\n"
        "---\n"
        "# Deploy\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: A  # why\n\n---\nbody",
        "---\r\ntitle: 'A'\r\n---\r\nbody\r\n",
        "\ufeff---\ntitle: A\n---",
        "\ufeffbody without an end",
        "---\n---\n",
        "---\n# only a comment\n---\n",
        "---\nb: 2\na: &x [1,   2]\nc: *x\n...\nbody",
        "---\ntext: |+\n  kept\n\n---\nbody",
        '---\ntext: "over\n  two lines"  # tab\t\n---\nbody',
        "---\namalfa: private\n---\nbody",
    ],
)
def test_all_else_stays_byte_for_byte(text: str) -> None:
    found = merged(text)
    assert found != text
    assert without_block(found) == text
    assert read_front_matter(found.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")).problem == ""


def test_the_lines_end_as_the_note_s_do() -> None:
    assert merged("one\r\ntwo\r\n").count("\n") == merged("one\r\ntwo\r\n").count("\r\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\na: 1\na: 2\n---\n", "key twice"),
        ("---\na: [1\n---\n", "not valid YAML"),
        ("---\n- a\n---\n", "not a list of keys"),
        ("---\n{a: 1}\n---\n", "cannot take more keys"),
        ("---\na: 1\n", "not closed"),
        ("\n---\na: 1\n---\n", "not closed, or does not begin"),
        ("+++\na = 1\n+++\n", "not YAML"),
        ("---\n" + "a: 1\n" * 500 + "---\n", "too long"),
        ("---\n# amalfa metadata 0123456789ab\nsummary: x\n---\n", "not whole"),
    ],
)
def test_what_cannot_be_merged_is_left_alone_and_said(text: str, reason: str) -> None:
    found = merge(text, OUTPUT)
    assert isinstance(found, NotMergeable)
    assert reason in found.reason


def test_a_key_of_the_author_stays_the_author_s() -> None:
    found = merged("---\nKeywords: [mine]\nsummary: Mine.\n---\n")
    assert found.count("eywords") == found.count("ummary") == 1
    assert "doc_type" in found


def test_a_newer_description_takes_the_place_of_the_older() -> None:
    text = "---\ntitle: A\n---\nbody"
    again = merged(merged(text), {"summary": "New."})
    assert again == merged(text, {"summary": "New."})
    assert merged(again, {}) == text


def test_an_edit_of_the_description_by_hand_is_kept() -> None:
    edited = merged("body").replace("guide", "log")
    found = merge(edited, OUTPUT)
    assert isinstance(found, NotMergeable)
    assert "edited by hand" in found.reason


def test_keys_added_by_the_author_outlive_the_description() -> None:
    grown = merged("body").replace("---\nbody", "owner: Ada\n---\nbody")
    assert without_block(grown) == "---\nowner: Ada\n---\nbody"
    assert "owner: Ada\n# amalfa metadata" in merged(grown)


def test_a_description_that_would_make_a_note_private_is_not_written() -> None:
    found = merge("body", {"summary": "Write amalfa: private to hide it."})
    assert isinstance(found, NotMergeable)


def test_what_a_model_wrote_is_no_fact_to_be_found() -> None:
    lines = merged("---\nowner: Ada\n---\nbody").split("\n")
    front = read_front_matter(lines)
    assert (front.has_facts, front.fact_lines) == (True, 2)
    assert not read_front_matter(merged("body").split("\n")).has_facts
