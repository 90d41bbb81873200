"""The language of a node's `if`: its words, what they mean, and how an expression is shown. Reads no text.

An expression is judged without ever failing: what cannot be decided does not hold, and the verdict says why.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

from amalfa.config.pattern_shape import pace_of

Kind = Literal["number", "text", "truth"]

VARIABLES: dict[str, Kind] = {
    "WORD_COUNT": "number",
    "INPUT_LENGTH": "number",
    "HOP_COUNT": "number",
    "CURRENT_LAYER": "number",
    "TIMESTAMP": "number",
    "PREV_NODE": "text",
    "REQUEST_ID": "text",
    "INPUT": "text",
}
"""What an expression may name. `INPUT` is the question itself; `CURRENT_LAYER` and `PREV_NODE` are of the node that
decides, `HOP_COUNT` the nodes passed before; `TIMESTAMP` is in seconds since 1970."""

Comparison = Literal["==", "!=", "<", "<=", ">", ">=", "contains", "matches"]
Values: TypeAlias = Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Truth:
    value: bool


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Compare:
    """`contains` ignores letter case; `matches` looks for its pattern anywhere in the text."""

    operator: Comparison
    left: "Number | Text | Variable"
    right: "Number | Text | Variable"


@dataclass(frozen=True, slots=True)
class Not:
    inner: "Expression"


@dataclass(frozen=True, slots=True)
class Both:
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Either:
    left: "Expression"
    right: "Expression"


Expression: TypeAlias = Truth | Compare | Not | Both | Either
Operand: TypeAlias = Number | Text | Variable


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an expression holds; `undecided` says why where that could not be told, and then it does not hold."""

    holds: bool
    undecided: str = ""


_OF_NUMBERS: dict[Comparison, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def judge(expression: Expression, values: Values) -> Verdict:
    """Evaluate an expression. Never raises."""
    found = _judged(expression, values)
    return found if isinstance(found, Verdict) else Verdict(found)


def kind_of(operand: Operand) -> Kind:
    match operand:
        case Number():
            return "number"
        case Text():
            return "text"
        case Variable(name):
            return VARIABLES[name]
        case _:
            assert_never(operand)


def show(expression: Expression | Operand) -> str:
    """The expression as text that reads back as the same expression."""
    match expression:
        case Number(value):
            return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
        case Text(value):
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case Truth(value):
            return "true" if value else "false"
        case Variable(name):
            return f"${name}"
        case Compare(how, left, right):
            return f"{show(left)} {how} {show(right)}"
        case Not(inner):
            return f"not ({show(inner)})"
        case Both(one, other):
            return f"({show(one)}) and ({show(other)})"
        case Either(one, other):
            return f"({show(one)}) or ({show(other)})"
        case _:
            assert_never(expression)


def _judged(expression: Expression, values: Values) -> bool | Verdict:
    """True, False, or a Verdict that says why neither can be told."""
    match expression:
        case Truth(value):
            return value
        case Compare():
            return _compared(expression, values)
        case Not(inner):
            found = _judged(inner, values)
            return found if isinstance(found, Verdict) else not found
        case Both(left, right):
            return _joined(_judged(left, values), _judged(right, values), decisive=False)
        case Either(left, right):
            return _joined(_judged(left, values), _judged(right, values), decisive=True)
        case _:
            assert_never(expression)


def _joined(left: bool | Verdict, right: bool | Verdict, *, decisive: bool) -> bool | Verdict:
    """One side may decide alone, whatever the other one is."""
    if decisive in (left, right):
        return decisive
    return next((side for side in (left, right) if isinstance(side, Verdict)), not decisive)


def _compared(asked: Compare, values: Values) -> bool | Verdict:
    left, right = _value(asked.left, values), _value(asked.right, values)
    for side, found in ((asked.left, left), (asked.right, right)):
        if found is None:
            return Verdict(False, f"{show(side)} is not known here")
    if isinstance(left, str) and isinstance(right, str):
        return _texts_compared(asked.operator, left, right)
    if isinstance(left, str) or isinstance(right, str) or left is None or right is None:
        return Verdict(False, f"{show(asked)} compares a number with a text")
    compare = _OF_NUMBERS.get(asked.operator)
    return compare(left, right) if compare else Verdict(False, f"{asked.operator} is for texts")


def _texts_compared(how: Comparison, left: str, right: str) -> bool | Verdict:
    match how:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "contains":
            return right.casefold() in left.casefold()
        case "matches":
            return _matched(left, right)
        case _:
            return Verdict(False, f"{how} is for numbers")


def _matched(text: str, pattern: str) -> bool | Verdict:
    """A longer text than the pattern may be tried on is looked at as far as that goes."""
    try:
        looked_at = pace_of(pattern).trial_chars
        if re.search(pattern, text[:looked_at]):
            return True
    except (re.error, RecursionError, OverflowError):
        return Verdict(False, "the pattern is no regular expression")
    if len(text) > looked_at:
        return Verdict(False, f"the pattern was looked for in {looked_at} characters, and the text is longer")
    return False


def _value(operand: Operand, values: Values) -> float | str | None:
    match operand:
        case Number(value) | Text(value):
            return value
        case Variable(name):
            found = values.get(name)
            is_number = isinstance(found, int | float) and math.isfinite(found)
            return found if is_number or isinstance(found, str) else None
        case _:
            assert_never(operand)
