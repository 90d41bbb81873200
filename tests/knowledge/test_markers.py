"""Which brackets of an answer are source markers, and what each of them backs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.knowledge.markers import find_markers


def claims(answer: str) -> list[tuple[tuple[int, ...], str]]:
    return [(marker.numbers, marker.claim) for marker in find_markers(answer)]


LIST_ITEMS = [((1,), "- Port 8443 is open"), ((2,), "- Ada owns it")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("The port is 8443 [1].", [((1,), "The port is 8443")], id="inside the sentence"),
        pytest.param("One thing. The port is 8443. [2]", [((2,), "The port is 8443.")], id="behind the full stop"),
        pytest.param(
            "The port is 8443 [1] and Ada owns it [2].",
            [((1,), "The port is 8443"), ((2,), "and Ada owns it")],
            id="a part of the sentence each",
        ),
        pytest.param(
            "The port is 8443 [1][2].", [((1,), "The port is 8443"), ((2,), "The port is 8443")], id="side by side"
        ),
        pytest.param("The port is 8443 [1, 3-4].", [((1, 3, 4), "The port is 8443")], id="a list with a span"),
        pytest.param("According to [1], the port is 8443.", [((1,), "According to , the port is 8443.")], id="before"),
        pytest.param("- Port 8443 is open [1]\n- Ada owns it [2]", LIST_ITEMS, id="list items"),
    ],
)
def test_a_marker_backs_the_words_before_it(answer: str, expected: list[tuple[tuple[int, ...], str]]) -> None:
    assert claims(answer) == expected


OTHER_BRACKETS = [
    "`array[1]`",
    "```\nx[1]\n```",
    "~~~\n[1]",
    "[1](https://example.org)",
    "[^1]",
    "[[1]]",
    "\\[1]",
    "![1]",
]


@pytest.mark.parametrize("answer", [*OTHER_BRACKETS, "- [ ] task", "[one]"])
def test_other_brackets_are_no_markers(answer: str) -> None:
    assert find_markers(answer) == []


def test_phrases_of_three_words_in_quotation_marks_are_quotations() -> None:
    [marker] = find_markers('He calls it "fast" and says “it never sleeps at night” [1].')
    assert marker.quotes == ("it never sleeps at night",)


@pytest.mark.parametrize("quoted", ["> it never sleeps\n> at night [1]", "> it never sleeps\n> at night\n\n[1]"])
def test_a_block_quote_is_a_quotation(quoted: str) -> None:
    assert find_markers(quoted)[0].quotes == ("it never sleeps at night",)


@given(st.text(alphabet='ab .[]12,-`"“”\n>*|#猫', max_size=200))
def test_any_answer_is_read_and_markers_stand_in_order(answer: str) -> None:
    markers = find_markers(answer)
    borders = [border for marker in markers for border in (marker.start, marker.end)]
    assert borders == sorted(borders)
    for marker in markers:
        assert answer[marker.start] == "["
        assert answer[marker.end - 1] == "]"
        assert marker.numbers
