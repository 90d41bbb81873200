import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.keypath import parse_key, show_key
from amalfa.errors import UsageProblem


@given(st.lists(st.text() | st.integers(0, 10**6), min_size=1).map(tuple))
def test_every_path_survives_being_shown_and_read_again(path: tuple[str | int, ...]) -> None:
    assert parse_key(show_key(path)) == path


def test_names_with_dots_and_slashes_stand_in_brackets() -> None:
    assert show_key(("sonar", "catalog", "qwen/qwen3:4b", "price")) == 'sonar.catalog["qwen/qwen3:4b"].price'
    assert show_key(("sonar", "host", 1)) == "sonar.host[1]"


@pytest.mark.parametrize(
    "text", ["", ".", ".a", "a.", "a..b", "a b", "a.[0]", "a[", 'a["x]', "a[-1]", 'a["\\x"]', "a[0]b"]
)
def test_what_is_no_path_is_a_usage_problem(text: str) -> None:
    with pytest.raises(UsageProblem):
        parse_key(text)


@given(st.text(max_size=30))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    with contextlib.suppress(UsageProblem):
        assert parse_key(text)
