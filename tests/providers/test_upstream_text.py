"""What providers say is made short, printable and free of keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.secret import Secret
from amalfa.providers.upstream_text import SHOWN_MAX_CHARACTERS, shown


@given(st.text())
def test_nothing_that_is_shown_is_long_or_unprintable(text: str) -> None:
    result = shown(text)
    assert len(result) <= SHOWN_MAX_CHARACTERS
    assert all(letter.isprintable() for letter in result)


def test_control_characters_become_visible_and_line_ends_blanks() -> None:
    assert shown("a\x1b[31mb\r\n\tc\u202ed\x9b") == "a\\x1b[31mb c\\u202ed\\x9b"


@pytest.mark.parametrize(
    "text",
    [
        "the key sk-or-v1-0123456789 is bad",
        "sk-proj-abc_DEF-123",
        "Authorization: Bearer abcdefghijkl",
        "basic dXNlcjpwYXNz",
    ],
)
def test_whatever_looks_like_a_key_is_masked(text: str) -> None:
    assert not any(part in shown(text) for part in ("0123456789", "abc_DEF", "abcdefghijkl", "dXNlcjpwYXNz"))


def test_our_own_secrets_are_masked_by_value_longest_first() -> None:
    secrets = [Secret("canary"), Secret("canary-with-tail")]
    assert shown("got canary-with-tail and canary", secrets) == "got [hidden] and [hidden]"


def test_a_key_across_the_cut_does_not_show_its_first_half() -> None:
    text = "x" * (SHOWN_MAX_CHARACTERS - 8) + " sk-or-v1-canarycanary"
    assert "canary" not in shown(text)
    assert "v1" not in shown(text)


def test_what_was_cut_ends_in_an_ellipsis() -> None:
    assert shown("y" * 1000) == "y" * (SHOWN_MAX_CHARACTERS - 1) + "…"
    assert shown("y" * SHOWN_MAX_CHARACTERS) == "y" * SHOWN_MAX_CHARACTERS
