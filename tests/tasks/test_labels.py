import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.tasks.labels import labels_in


@pytest.mark.parametrize(
    ("streamed", "checked", "labels"),
    [
        pytest.param("A [1]. B [2].", "A [1]. B [2].", {1: (1,), 2: (2,)}, id="nothing changed"),
        pytest.param("A [3]. B [1].", "A [1]. B [2].", {1: (3,), 2: (1,)}, id="counted anew"),
        pytest.param("A [3]. B [4].", "A. B [1].", {1: (4,)}, id="one taken out"),
        pytest.param("A [3]. B [3].", "A [1]. B [2].", {1: (3,), 2: (3,)}, id="two places in one passage"),
        pytest.param("A [2, 3].", "A [1][2].", {1: (2,), 2: (3,)}, id="a list taken apart"),
        pytest.param("A [2-4].", "A [1][2][3].", {1: (2,), 2: (3,), 3: (4,)}, id="a range taken apart"),
        pytest.param("A [2][3].", "A [1].", {1: (2, 3)}, id="nobody knows which was taken out"),
        pytest.param("A [2] and B [5] [2].", "A [1] and B [1].", {1: (2, 5)}, id="one source under two numbers"),
        pytest.param("A.", "A.", {}, id="no citation"),
    ],
)
def test_the_list_uses_the_numbers_of_the_text(streamed: str, checked: str, labels: dict[int, tuple[int, ...]]) -> None:
    assert labels_in(streamed, checked) == labels


@pytest.mark.parametrize(("streamed", "checked"), [("Always [1].", "Never [1]."), ("A.", "A. B."), ("", "A.")])
def test_another_text_has_no_labels(streamed: str, checked: str) -> None:
    assert labels_in(streamed, checked) is None


@given(st.lists(st.tuples(st.text("ab ."), st.integers(0, 999)), max_size=8))
def test_counting_anew_is_always_matched(parts: list[tuple[str, int]]) -> None:
    new: dict[int, int] = {}
    streamed = "".join(f"{words}x [{number}]" for words, number in parts)
    checked = "".join(f"{words}x [{new.setdefault(number, len(new) + 1)}]" for words, number in parts)
    assert labels_in(streamed, checked) == {own: (number,) for number, own in new.items()}
