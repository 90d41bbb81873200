from hypothesis import given, settings
from hypothesis import strategies as st

from amalfa.calls import Material
from amalfa.providers.embedded.snippet import Snippet, find_snippet
from amalfa.tasks.snippet import SnippetReply, find_lines
from tests.providers.embedded.manual import MANUAL


def snippet(query: str, text: str = MANUAL) -> Snippet:
    return find_snippet(Material(question=query, documents=(("a.md", text),)))


def test_the_lines_that_match_come_back_whole_and_verbatim() -> None:
    found = snippet("What does exit code 5 mean?")
    assert found["snippet"] == "| 5 | no provider could serve |"
    assert "Exit codes" in found["context"]
    assert found["confidence"] > 0.5


def test_a_text_that_does_not_match_gives_its_first_line_and_no_confidence() -> None:
    found = snippet("zebra crossing", "\n\nNothing about animals.\nMore.\n")
    assert (found["snippet"], found["confidence"]) == ("Nothing about animals.", 0.0)


def test_neighbours_that_match_as_well_are_taken_along() -> None:
    text = "# Pets\n\n- cats eat fish\n- cats eat mice\n\nDogs bark.\n"
    assert snippet("cats eat", text)["snippet"] == "- cats eat fish\n- cats eat mice"


def test_a_code_block_stays_whole() -> None:
    assert snippet("amalfa config set", MANUAL)["snippet"].count("```") == 2


@given(st.text(max_size=80), st.text(min_size=1, max_size=500).filter(str.strip))
@settings(deadline=None)
def test_every_snippet_stands_in_its_text(query: str, text: str) -> None:
    reply = SnippetReply.model_validate(snippet(query, text))
    assert find_lines(reply.snippet, text.splitlines()) is not None
