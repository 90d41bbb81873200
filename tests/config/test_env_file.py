from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.env_file import EnvLine, parse_env


def test_values_come_with_their_lines_whatever_stands_around_them() -> None:
    text = "\ufeff# keys\n\nexport A='x y'\nB=\"two\\nlines\"\n\n  C = plain # why\n"
    assert parse_env(text).values == {"A": EnvLine("x y", 3), "B": EnvLine("two\nlines", 4), "C": EnvLine("plain", 6)}


def test_nothing_is_expanded() -> None:
    assert parse_env("A=$HOME\nB=${A}x\n").values == {"A": EnvLine("$HOME", 1), "B": EnvLine("${A}x", 2)}


def test_the_last_of_equal_names_counts_and_an_empty_value_is_none() -> None:
    assert parse_env("A=1\nA=2\nB=1\nB=\nC\nD=''\n").values == {"A": EnvLine("2", 2)}


def test_lines_that_are_no_assignments_are_counted_and_skipped() -> None:
    found = parse_env("A=1\nthis is no assignment\nB=2\n")
    assert found.unreadable == (2,)
    assert found.values.keys() == {"A", "B"}


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    parse_env(text)
