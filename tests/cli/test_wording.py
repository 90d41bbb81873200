import pytest

from amalfa.cli.wording import count, duration, sentence


@pytest.mark.parametrize(("number", "text"), [(0, "0 notes"), (1, "1 note"), (1980, "1,980 notes")])
def test_counts_read_like_words(number: int, text: str) -> None:
    assert count(number, "note") == text


@pytest.mark.parametrize(
    ("text", "ended"),
    [("a", "a."), ("a.", "a."), ("a?", "a?"), ("a (did you mean b?)", "a (did you mean b?)"), ("a ", "a.")],
)
def test_a_sentence_ends_once(text: str, ended: str) -> None:
    assert sentence(text) == ended


@pytest.mark.parametrize(("ms", "text"), [(0, "0 ms"), (999, "999 ms"), (2345, "2.3 s")])
def test_durations_are_as_exact_as_they_need_to_be(ms: float, text: str) -> None:
    assert duration(ms) == text
