"""Finding words in lines as they stand there: marks and line breaks do not count, letters and digits do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.knowledge.verbatim import find_words, plain_text, sentences

LINES = [
    "# Ports",
    "",
    "Ollama listens on **port 11434**. The *default* host",
    "is `localhost`, “as everywhere” – see [the guide](guide.md).",
    "",
    "- Owner: [[Ada Quill|Ada]]",
    "> quoted once",
    "> and twice",
    "",
    "| who | port |",
    "|---|---|",
    "| Ada | 8443 |",
    "",
    "午前十時から。午後八時まで。",
]


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        pytest.param("listens on port 11434", 3, 3, id="emphasis is no letter"),
        pytest.param("The default host is localhost", 3, 4, id="a line break is a space"),
        pytest.param('"as everywhere" - see the guide', 4, 4, id="quotes, dashes and links in another shape"),
        pytest.param("ollama listens", 3, 3, id="the first letter may be small"),
        pytest.param("Owner: Ada", 6, 6, id="a wikilink shows its label"),
        pytest.param("quoted once and twice", 7, 8, id="a block quote over two lines"),
        pytest.param("Ada 8443", 12, 12, id="cells of a row"),
        pytest.param("Ollama listens … as everywhere", 3, 4, id="an ellipsis stands for anything"),
        pytest.param("午前十時から", 14, 14, id="a script without spaces"),
    ],
)
def test_words_are_found_where_they_stand(words: str, start: int, end: int) -> None:
    found = find_words(words, LINES)
    assert found is not None
    assert (found.start_line, found.end_line) == (start, end)
    assert found.text in "\n".join(LINES)


@pytest.mark.parametrize("words", ["port 1143", "ort 11434", "OLLAMA LISTENS", "localhost is", "", "…", "Ada Quill"])
def test_other_words_are_not_found(words: str) -> None:
    assert find_words(words, LINES) is None


def test_line_numbers_count_from_where_the_lines_begin() -> None:
    found = find_words("Owner: Ada", LINES[5:], first_line=6)
    assert found is not None
    assert found.start_line == 6


def test_sentences_end_with_their_line_in_lists_and_tables_and_run_on_in_paragraphs() -> None:
    found = {plain_text(one.text): (one.start_line, one.end_line) for one in sentences(LINES)}
    assert found["Ollama listens on port 11434."] == (3, 3)
    assert found['The default host is localhost, "as everywhere" - see the guide.'] == (3, 4)
    assert found["Owner: Ada"] == (6, 6)
    assert found["Ada 8443"] == (12, 12)
    assert found["午後八時まで。"] == (14, 14)


@given(st.lists(st.text(alphabet="ab C1.-*_`|>#[]()“”\"'…猫 ", max_size=30), max_size=8))
def test_every_sentence_of_any_text_stands_in_it_and_is_found_again(lines: list[str]) -> None:
    for one in sentences(lines):
        assert one.text in "\n".join(lines)
        if any(character.isalnum() for character in plain_text(one.text)) and "…" not in one.text:
            again = find_words(one.text, lines[one.start_line - 1 : one.end_line], one.start_line)
            assert again is not None


@given(st.text(max_size=60), st.lists(st.text(max_size=40), max_size=6))
def test_what_is_found_is_part_of_the_lines_it_names(words: str, lines: list[str]) -> None:
    found = find_words(words, lines)
    if found is not None:
        assert found.text in "\n".join(lines[found.start_line - 1 : found.end_line])
