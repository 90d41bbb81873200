"""The language of `if`: what is read, what is refused when a file is loaded, and that judging never fails."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.pipelines.condition_text import BadCondition, parse
from amalfa.pipelines.conditions import (
    VARIABLES,
    Both,
    Compare,
    Either,
    Expression,
    Not,
    Number,
    Text,
    Truth,
    Variable,
    Verdict,
    judge,
    show,
)

NUMBER_NAMES = sorted(name for name, kind in VARIABLES.items() if kind == "number")
TEXT_NAMES = sorted(name for name, kind in VARIABLES.items() if kind == "text")

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(Number), st.sampled_from(NUMBER_NAMES).map(Variable)
)
texts = st.one_of(st.text(max_size=12).map(Text), st.sampled_from(TEXT_NAMES).map(Variable))
filled = st.one_of(st.text(min_size=1, max_size=12).map(Text), st.sampled_from(TEXT_NAMES).map(Variable))
comparisons = st.one_of(
    st.builds(Compare, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), numbers, numbers),
    st.builds(Compare, st.sampled_from(["==", "!="]), texts, texts),
    st.builds(Compare, st.just("contains"), texts, filled),
    st.builds(Compare, st.just("matches"), texts, st.sampled_from(["code", "^def ", r"\d+\."]).map(Text)),
)
expressions = st.recursive(
    st.one_of(st.booleans().map(Truth), comparisons),
    lambda inner: st.one_of(st.builds(Not, inner), st.builds(Both, inner, inner), st.builds(Either, inner, inner)),
    max_leaves=8,
)
values = st.dictionaries(
    st.sampled_from(sorted(VARIABLES)), st.one_of(st.text(max_size=9), st.floats(), st.integers(0, 99)), max_size=6
)


@given(expressions)
def test_what_is_shown_reads_back_the_same(expression: Expression) -> None:
    assert parse(show(expression)) == expression


@given(st.one_of(st.text(max_size=60), st.text("$()<>=!&|\"' WORD_COUNTandormatches0123456789.", max_size=40)))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        expression = parse(text)
    except BadCondition:
        return
    assert parse(show(expression)) == expression


@given(expressions, values)
def test_judging_never_fails_and_what_is_undecided_does_not_hold(
    expression: Expression, known: dict[str, float | str]
) -> None:
    verdict = judge(expression, known)
    assert not (verdict.holds and verdict.undecided)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("$WORD_COUNT < 10", True),
        ("$WORD_COUNT<10", True),
        ("${WORD_COUNT} >= 10 || $INPUT_LENGTH > 1", True),
        ("not $WORD_COUNT == 4", False),
        ("!($WORD_COUNT == 4) && true", False),
        ("$WORD_COUNT > 1 and $WORD_COUNT < 4 or $HOP_COUNT == 0", True),
        ('$INPUT contains "CODE"', True),
        ("$INPUT matches '^write'", True),
        ("$PREV_NODE == 'router'", True),
        ("$PREV_NODE != 'router' AND $WORD_COUNT == 4", False),
    ],
)
def test_expressions_mean_what_they_say(text: str, holds: bool) -> None:
    known: dict[str, float | str] = {
        "WORD_COUNT": 4,
        "INPUT_LENGTH": 20,
        "HOP_COUNT": 0,
        "PREV_NODE": "router",
        "INPUT": "write some code now",
    }
    assert judge(parse(text), known) == Verdict(holds)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("$WORD_COUNT", "compare it"),
        ("$WORD_CONUT < 3", "did you mean WORD_COUNT?"),
        ("$WORD_COUNT < 'ten'", "a number with a text"),
        ("$PREV_NODE < 'b'", "it is for numbers"),
        ("$WORD_COUNT contains 1", "it is for texts"),
        ("$INPUT contains ''", "empty text"),
        ("$INPUT matches '('", "no regular expression"),
        ("$INPUT matches '(a+)+x'", "pattern"),
        ("$INPUT matches $PREV_NODE", "written out"),
        ("$PREV_NODE == router", "needs quotes"),
        ("WORD_COUNT < 3", "$WORD_COUNT"),
        ("1 < $WORD_COUNT < 5", "goes on with <"),
        ("$WORD_COUNT = 5", "=="),
        ("($WORD_COUNT < 3", "never closed"),
        ("$WORD_COUNT <", "ends too early"),
        ("$WORD_COUNT < 1e999", "too large"),
        ("(" * 60 + "true" + ")" * 60, "nested"),
        ("not " * 60 + "true", "nested"),
    ],
)
def test_mistakes_are_found_when_the_text_is_read(text: str, why: str) -> None:
    with pytest.raises(BadCondition, match=".*" + why.replace("$", r"\$").replace("?", r"\?")):
        parse(text)


def test_a_value_that_is_missing_or_not_a_number_decides_nothing() -> None:
    expression = parse("not $WORD_COUNT < 3")
    assert judge(expression, {}) == Verdict(False, "$WORD_COUNT is not known here")
    assert judge(expression, {"WORD_COUNT": math.nan}).undecided


def test_one_side_that_is_certain_decides_alone() -> None:
    assert judge(parse("$WORD_COUNT < 3 or true"), {}) == Verdict(True)
    assert judge(parse("$WORD_COUNT < 3 and false"), {}) == Verdict(False)


def test_a_pattern_not_found_in_the_looked_at_part_of_a_long_text_is_undecided() -> None:
    assert judge(parse("not $INPUT matches 'zebra'"), {"INPUT": "a" * 5_000}).undecided
