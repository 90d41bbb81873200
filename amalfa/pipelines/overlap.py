"""Tells where conditions overlap or never hold, as far as trying a few telling values can decide it."""

from collections.abc import Iterator
from itertools import product
from math import ceil, floor

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
    judge,
)
from amalfa.pipelines.graph import Node

TRIALS_MAX = 20_000
# The one variable that is no whole number from 0 on is the time, whose values around a limit tell as much.
LARGE = 10**12


def is_satisfiable(expression: Expression) -> bool | None:
    """Whether some request makes it hold; None when that cannot be told."""
    found = _example(expression)
    return None if found is None else found != {}


def example_of_both(first: Node, second: Node) -> str:
    """Values with which both conditions hold, for people; "" when there are none or it cannot be told."""
    if first.condition is None or second.condition is None:
        return ""
    found = _example(Both(first.condition.expression, second.condition.expression)) or {}
    shown = (
        f"${name} is {value:g}" if isinstance(value, float) else f"${name} is {value!r}"
        for name, value in found.items()
    )
    return ", ".join(shown) if any(found) else ""


def _example(expression: Expression) -> dict[str, float | str] | None:
    """Values that make it hold, {} for none, None when there are too many to try. `""` names no variable."""
    compared = list(_comparisons(expression))
    if any(_is_opaque(one) for one in compared):
        return None
    names = sorted({side.name for one in compared for side in (one.left, one.right) if isinstance(side, Variable)})
    telling = [_telling(name, compared) for name in names]
    trials = 1
    for values in telling:
        trials *= len(values)
    if trials > TRIALS_MAX:
        return None
    for chosen in product(*telling):
        known = dict(zip(names, chosen, strict=True))
        if judge(expression, known).holds:
            return known or {"": 0.0}
    return {}


def _is_opaque(compared: Compare) -> bool:
    """Whether it takes more than single values to tell: parts of texts, or two variables beside each other."""
    both_vary = isinstance(compared.left, Variable) and isinstance(compared.right, Variable)
    return compared.operator in ("contains", "matches") or both_vary


def _telling(name: str, compared: list[Compare]) -> list[float | str]:
    """The values around every limit that the variable is compared with, which stand for all others."""
    limits = [
        other.value
        for one in compared
        for side, other in ((one.left, one.right), (one.right, one.left))
        if side == Variable(name) and isinstance(other, Number | Text)
    ]
    if VARIABLES[name] == "text":
        texts = [limit for limit in limits if isinstance(limit, str)]
        return [*dict.fromkeys(texts), "".join(texts) + "?"]
    around = {
        float(value)
        for limit in limits
        if isinstance(limit, int | float)
        for value in (floor(limit) - 1, floor(limit), ceil(limit), ceil(limit) + 1)
        if value >= 0
    }
    return [*sorted(around | {0.0, float(LARGE)})]


def _comparisons(expression: Expression) -> Iterator[Compare]:
    match expression:
        case Compare():
            yield expression
        case Not(inner):
            yield from _comparisons(inner)
        case Both(left, right) | Either(left, right):
            yield from _comparisons(left)
            yield from _comparisons(right)
        case Truth():
            return
