"""Patterns that could keep Python busy for ever are told by their shape; ordinary ones are not."""

import re
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.pattern_shape import pace_of, slow_shape


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*b",
        "((a+))+?b",
        "(a|a)*",
        "(a|aa)+$",
        "(a|b|ab)*c",
        r"(\w+\s?)*:",
        r"([a-z]+)*\d",
        "(.*)*x",
        "(x+x+)+y",
        r"^(([a-z])+.)+[A-Z]([a-z])+$",
        "(a?){30}a{30}",
        "(a{1,30}){1,30}b",
        "(?>a+)+b",
        "(?P<word>a+)+b",
        "(?i:A+)+b",
        "(.*a){20}",
        "(?=(a+)+b)",
        ".*a.*b.*c.*d",
        "(?x) a + # comment",
    ],
)
def test_a_dangerous_shape_is_named(pattern: str) -> None:
    assert slow_shape(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bACME-\d+\b",
        r"Project\s+\w+\s+Phase\s+\d+",
        r"(?:[\w-]+\.)+\w+",
        r"(?:\d{4}[ -]?){4}",
        r"(?:\d[ -]*?){13,16}",
        r"[A-Z]{2}\d{2}(?:\s?\d{4}){4,5}",
        r"BEGIN[\s\S]*?END",
        "(?:foo|bar)+",
        "(?:a++)+b",
        r"\d{3}-\d{2}-\d{4}",
        "(?i)confidential.*$",
        r"[]a]+b|[^]]+\]",
        r"(?P<q>['\"])x(?P=q)",
        r"(a)(?(1)b|c)",
        "x{,3}y{2,}z{",
        r"\(\)\[\]\\",
        "(?#note)a",
        "",
    ],
)
def test_an_ordinary_pattern_is_not(pattern: str) -> None:
    assert slow_shape(pattern) is None


def test_the_pace_falls_with_every_repeat_that_overlaps_what_follows() -> None:
    assert pace_of("a+b").power == 1
    assert pace_of(".*b").power == 2
    assert pace_of(".*b.*c").power == 3
    assert pace_of("a+b").trial_chars > pace_of(".*b").trial_chars > pace_of(".*b.*c").trial_chars


ATOMS = st.sampled_from(["a", "b", ".", r"\w", r"\s", "[ab]", "[^a]"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2,4}", "*?"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=6,
)


@given(PATTERNS, st.text(alphabet="ab ", min_size=1, max_size=4), st.sampled_from(["", "!", "\n"]))
def test_what_is_not_refused_is_quick_on_a_short_text(pattern: str, piece: str, end: str) -> None:
    if slow_shape(pattern) is not None:
        return
    text = (piece * 120)[:120] + end
    started_s = time.process_time()
    re.search(f"(?:{pattern})!", text)
    list(re.finditer(pattern, text))
    assert time.process_time() - started_s < 2.0


@given(st.text(alphabet=string.printable, max_size=30))
def test_any_valid_pattern_can_be_judged(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return
    slow_shape(pattern)
