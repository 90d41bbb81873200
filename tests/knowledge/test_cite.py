"""Citations: kept with a quote that stands in the lines, or taken out and counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import Passage
from amalfa.knowledge.cite import check_citations

PORTS = [
    "# Ports",
    "",
    "Ollama listens on port 11434. The *default* host",
    "is `localhost`, as everywhere.",
    "",
    "Change it.",
]
KETTLE = ["# Kettle", "", "- The kettle is descaled with vinegar every second month.", "- It holds 1.7 litres."]
CODE = ["Start it:", "", "```sh", "amalfa sonar start", "amalfa sonar status", "```"]
NOTES = {"ports.md": PORTS, "kettle.md": KETTLE, "code.md": CODE, "猫.md": ["# 猫", "猫は毎朝六時に餌を食べる。"]}


def passage(path: str) -> Passage:
    lines = NOTES[path]
    return Passage(path, 1, len(lines), lines[0].strip("# "), "\n".join(lines))


PASSAGES = [passage(path) for path in NOTES]


def lines_of(path: str) -> list[str]:
    return NOTES.get(path, [])


def places(answer: str) -> list[tuple[str, int, int]]:
    return [(one.path, one.start_line, one.end_line) for one in check_citations(answer, PASSAGES, lines_of).citations]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("Ollama uses port 11434 [1].", [("ports.md", 3, 3)], id="a paraphrase finds its line"),
        pytest.param('It says "the default host is localhost" [1].', [("ports.md", 3, 4)], id="a quote over two lines"),
        pytest.param("The kettle is descaled with vinegar. [2]", [("kettle.md", 3, 3)], id="a marker after the stop"),
        pytest.param(
            "Vinegar descales the kettle [2] and it holds 1.7 litres [2].",
            [("kettle.md", 3, 3), ("kettle.md", 4, 4)],
            id="two clauses, two lines",
        ),
        pytest.param(
            'The note says "descaled with vinegar every second month" [1].',
            [("kettle.md", 3, 3)],
            id="a true quote is pointed to where it stands",
        ),
        pytest.param(
            "```sh\namalfa sonar start\namalfa sonar status\n```\n[3]", [("code.md", 4, 5)], id="a code block"
        ),
        pytest.param(
            "> The kettle is descaled with vinegar every second month.\n\n[2]", [("kettle.md", 3, 3)], id="a blockquote"
        ),
        pytest.param("猫は六時に餌を食べる[4]。", [("猫.md", 2, 2)], id="a script without spaces"),
        pytest.param("Ollama listens on port 11434 [1][2].", [("ports.md", 3, 3)], id="of two markers the true one"),
        pytest.param("Ollama listens on port 11434 [1, 2].", [("ports.md", 3, 3)], id="of a list the true one"),
    ],
)
def test_a_true_citation_is_narrowed_to_its_lines(answer: str, expected: list[tuple[str, int, int]]) -> None:
    assert places(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("Bananas ripen faster in paper bags [1].", id="a claim the passage does not make"),
        pytest.param("Ollama listens on port 11434 [9].", id="a passage that was not shown"),
        pytest.param("Ollama listens on port 11434 [0].", id="a passage number nought"),
        pytest.param('It says "the kettle explodes every second month" [2].', id="a quote that stands nowhere"),
    ],
)
def test_an_untrue_citation_is_taken_out_and_counted(answer: str) -> None:
    checked = check_citations(answer, PASSAGES, lines_of)
    assert checked.citations == ()
    assert checked.dropped == 1
    assert "[" not in checked.answer
    assert checked.answer.endswith("." if not answer.endswith("]") else "")


def test_what_is_left_is_numbered_from_one_as_it_appears() -> None:
    answer = "The moon is cheese [1]. It holds 1.7 litres [2]. Ollama listens on port 11434 [1]."
    checked = check_citations(answer, PASSAGES, lines_of)
    assert checked.answer == "The moon is cheese. It holds 1.7 litres [1]. Ollama listens on port 11434 [2]."
    assert [one.n for one in checked.citations] == [1, 2]


def test_the_same_lines_keep_one_number() -> None:
    checked = check_citations("Ollama listens on port 11434 [1]. The port is 11434 [1].", PASSAGES, lines_of)
    assert checked.answer.count("[1]") == 2
    assert len(checked.citations) == 1


def test_a_number_in_code_is_no_marker() -> None:
    answer = "Take `array[1]` or:\n\n```py\nx = y[2]\n```\n"
    checked = check_citations(answer, PASSAGES, lines_of)
    assert (checked.answer, checked.dropped) == (answer, 0)


def test_a_link_is_no_marker() -> None:
    answer = "See [1](https://example.org)."
    assert check_citations(answer, PASSAGES, lines_of).answer == answer


def test_every_quote_stands_verbatim_in_its_lines() -> None:
    answer = 'The "default host is localhost" [1]. Vinegar descales the kettle [2].'
    for one in check_citations(answer, PASSAGES, lines_of).citations:
        assert one.verified
        assert one.quote in "\n".join(NOTES[one.path][one.start_line - 1 : one.end_line])


def test_a_note_that_changed_is_cited_where_the_text_stands_now() -> None:
    moved = {"ports.md": ["A new first line.", "", *PORTS]}
    checked = check_citations("Ollama listens on port 11434 [1].", PASSAGES, lambda path: moved.get(path, []))
    assert checked.citations[0].start_line == 5


def test_a_note_that_is_gone_proves_nothing() -> None:
    checked = check_citations("Ollama listens on port 11434 [1].", PASSAGES, lambda path: [])
    assert (checked.citations, checked.dropped) == ((), 1)


@given(st.text(alphabet='ab .[]12,`"“”\n>-*猫', max_size=200))
def test_any_answer_is_read_without_failing_and_shows_only_proven_markers(answer: str) -> None:
    checked = check_citations(answer, PASSAGES, lines_of)
    assert [one.n for one in checked.citations] == list(range(1, len(checked.citations) + 1))
    for one in checked.citations:
        assert one.quote in "\n".join(NOTES[one.path][one.start_line - 1 : one.end_line])


@given(st.text(max_size=300))
def test_an_answer_without_markers_is_left_as_it_is(text: str) -> None:
    answer = text.replace("[", "(")
    assert check_citations(answer, PASSAGES, lines_of).answer == answer
