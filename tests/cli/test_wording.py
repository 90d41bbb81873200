import pytest

from amalfa.cli.wording import count, dollars, duration, sentence


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


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0.00"),
        (12.5, "$12.50"),
        (1234.5, "$1,234.50"),
        (0.25, "$0.25"),
        (0.0123, "$0.0123"),
        (0.000021, "$0.000021"),
        (0.00000004, "$0.000001"),
    ],
)
def test_a_little_money_is_never_shown_as_none(usd: float, text: str) -> None:
    assert dollars(usd) == text
