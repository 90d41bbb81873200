"""Breaks right replies the way models do: which classes, how often each, and what is still certain of the value.

Two mixes. `as-served` is a judgement, made from published figures before anything was measured: hosts that repair a
week of replies leave between 0.2 % and 20 % of the broken ones unreadable, 0.7 % of all of them together, and what
breaks is mostly fences, prose, commas and quotes. Here 1.9 % of the broken replies hold no certain value any more.
`every-class` has every break alike, as no model does: two in five of those replies have to be refused.
"""

import json
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

from amalfa.execution.structured.strict import is_same
from benchmarks.malformed import BREAKS, Break, Malformed, corrected

BROKEN_SHARE = 0.2

Mix = Literal["as-served", "every-class"]
Kind = tuple[str, bool]
"""A class, and whether the value can still be told for certain."""
ANY: Kind = ("", True)
"""Any break, whatever comes of it."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A reply that is not the right one as it stands. `is_cut`: its provider says that it ended for length."""

    kind: str
    raw: str
    is_lossless: bool
    is_cut: bool = False


AS_SERVED: Mapping[Kind, int] = {
    ("fence", True): 300,
    ("prose", True): 150,
    ("comma", True): 110,
    ("raw-newline", True): 60,
    ("single-quote", True): 45,
    ("python-literal", True): 45,
    ("unquoted-key", True): 45,
    ("think", True): 40,
    ("unescaped-quote", True): 30,
    ("bracket", True): 25,
    ("comment", True): 20,
    ("smart-quote", True): 15,
    ("truncated", True): 15,
    ("bad-escape", True): 15,
    ("duplicate", True): 10,
    ("unicode", True): 10,
    ("double-encoded", True): 8,
    ("colon", True): 5,
    ("double-escaped", True): 5,
    ("number", True): 5,
    ("js-literal", True): 3,
    ("fullwidth", True): 3,
    ("backtick-quote", True): 2,
    ("triple-quote", True): 2,
    ("unquoted-value", True): 2,
    ("schema/wrapper", True): 12,
    ("schema/extra-key", True): 12,
    ("schema/type", True): 10,
    ("schema/enum-case", True): 8,
    ("schema/key-case", True): 4,
    ("schema/lone-item", True): 4,
    # 20 in 1,040: what no reader can mend.
    ("cut", False): 8,
    ("truncated", False): 2,
    ("unescaped-quote", False): 2,
    ("refusal", False): 2,
    ("schema/missing-key", False): 2,
    ("duplicate", False): 1,
    ("elided", False): 1,
    ("schema/unknown-word", False): 1,
    ("schema/range", False): 1,
}
"""How often each class is drawn, in relation to the others."""

DRAWS_MAX = 40


class Breaker:
    """Draws replies to questions whose right reply is known; the same for the same chance."""

    def __init__(self, mix: Mix, chance: random.Random) -> None:
        self._mix = mix
        self._chance = chance
        self._breaks = _by_class(chance)

    def plan(self, calls: int) -> list[Kind | None]:
        """What becomes of each of `calls` replies, in an order of chance; None for the right one as it is.

        As many are broken as the share says, and of each class as many as its weight says, to one more or less:
        what is measured is then how replies are read, and not how many of each the dice brought.
        """
        count = round(BROKEN_SHARE * calls)
        kinds = [ANY] * count if self._mix == "every-class" else _spread(count, self._chance)
        replies = [*kinds, *[None] * (calls - count)]
        self._chance.shuffle(replies)
        return replies

    def draw(self, value: dict[str, object], kind: Kind | None) -> Broken | None:
        """One reply as planned."""
        return None if kind is None else self.broken(value, kind)

    def broken(self, value: dict[str, object], kind: Kind) -> Broken:
        """A broken one. What finds nothing to break in this value gives way to a class that is as certain."""
        wanted = kind
        while True:
            makers = [self._chance.choice(ALL)] if kind == ANY else self._breaks[wanted[0]]
            for _ in range(DRAWS_MAX):
                found = judged(self._chance.choice(makers)(value, self._chance), value)
                if found and (kind == ANY or (found.kind, found.is_lossless) == wanted):
                    return found
            others = {other: weight for other, weight in AS_SERVED.items() if other[1] == kind[1]}
            (wanted,) = self._chance.choices(list(others), list(others.values()))


def _spread(count: int, chance: random.Random) -> list[Kind]:
    """`count` classes as their weights have it: every so many steps along all of them, from a start by chance."""
    bounds = list(accumulate(AS_SERVED.values()))
    step = bounds[-1] / max(1, count)
    start = chance.random() * step
    kinds = list(AS_SERVED)
    return [kinds[bisect_right(bounds, start + number * step)] for number in range(count)]


def judged(case: Malformed | None, value: dict[str, object]) -> Broken | None:
    """The case with what is certain of the value itself; None when strict reading brings that value anyway."""
    if case is None or _strictly(case.raw, value):
        return None
    truth = case.truth
    is_lossless = isinstance(truth, dict) and all(
        key in truth and is_same(truth[key], wanted) for key, wanted in value.items()
    )
    return Broken(case.kind, case.raw, is_lossless, case.kind == "cut")


def _strictly(raw: str, value: dict[str, object]) -> bool:
    try:
        return is_same(json.loads(raw), value)
    except (ValueError, RecursionError):
        return False


def _by_class(chance: random.Random) -> dict[str, list[Break]]:
    """Which breaks make which class: a break does not tell, so each is tried."""
    probe: dict[str, object] = {"a": 'He said "no".\nthen left', "b": ["x"], "c": 0.5, "intent": "other"}
    found: dict[str, list[Break]] = defaultdict(list)
    for one in ALL:
        made = (one(probe, chance) for _ in range(DRAWS_MAX))
        for kind in sorted({case.kind for case in made if case and case.kind != "valid"}):
            found[kind].append(one)
    return found


def _cut(value: dict[str, object], chance: random.Random) -> Malformed:
    raw = json.dumps(value, ensure_ascii=False)
    return Malformed("cut", raw[: chance.randint(1, len(raw) - 1)], None)


def _contradicted(value: dict[str, object], chance: random.Random) -> Malformed:
    """Two documents that differ in a value, both of the schema's form."""
    texts = [key for key, one in value.items() if isinstance(one, str) and key not in LISTED]
    changed = {key: f"{value[key]} indeed" for key in texts[:1]} or _other_list(value)
    raw = f"{json.dumps(value)}\nWait, corrected:\n{json.dumps({**value, **changed})}"
    return Malformed("duplicate", raw, None)


def _other_list(value: dict[str, object]) -> dict[str, object]:
    key, items = next((key, one) for key, one in value.items() if isinstance(one, list) and one)
    return {key: items[:-1] if len(items) > 1 else [*items, "other"]}


def _wrapped(value: dict[str, object], chance: random.Random) -> Malformed:
    whole: object = chance.choice(({"result": value}, {"data": value}, [value]))
    return Malformed("schema/wrapper", json.dumps(whole), value)


def _extra_key(value: dict[str, object], chance: random.Random) -> Malformed:
    return Malformed("schema/extra-key", json.dumps({**value, "explanation": "as asked"}), value)


def _key_case(value: dict[str, object], chance: random.Random) -> Malformed:
    return Malformed("schema/key-case", json.dumps({key.title(): one for key, one in value.items()}), value)


def _lone_item(value: dict[str, object], chance: random.Random) -> Malformed | None:
    lone = [key for key, one in value.items() if isinstance(one, list) and len(one) == 1 and isinstance(one[0], str)]
    if not lone:
        return None
    key = chance.choice(lone)
    item: Any = value[key]
    return Malformed("schema/lone-item", json.dumps({**value, key: item[0]}), value)


def _missing_key(value: dict[str, object], chance: random.Random) -> Malformed:
    lost = chance.choice(list(value))
    return Malformed("schema/missing-key", json.dumps({key: one for key, one in value.items() if key != lost}), None)


LISTED = ("intent", "technical_level", "doc_type", "technical_depth", "audience", "currency")
"""Members of the tasks' replies whose words are listed in the schema."""


def _listed(kind: str, change: Callable[[str], str], *, is_lossless: bool) -> Break:
    def apply(value: dict[str, object], chance: random.Random) -> Malformed | None:
        keys = [key for key in LISTED if key in value]
        if not keys:
            return None
        key = chance.choice(keys)
        raw = json.dumps({**value, key: change(str(value[key]))})
        return Malformed(kind, raw, value if is_lossless else None)

    return apply


def _fractions(kind: str, change: Callable[[float], object], *, is_lossless: bool) -> Break:
    """Change the first fraction anywhere in the value."""

    def apply(value: dict[str, object], chance: random.Random) -> Malformed | None:
        changed, was_found = _first_fraction(value, change)
        return Malformed(kind, json.dumps(changed), value if is_lossless else None) if was_found else None

    return apply


def _first_fraction(node: object, change: Callable[[float], object]) -> tuple[object, bool]:
    if isinstance(node, float):
        return change(node), True
    if isinstance(node, dict):
        for key, one in node.items():
            new, was_found = _first_fraction(one, change)
            if was_found:
                return {**node, key: new}, True
    if isinstance(node, list):
        for at, one in enumerate(node):
            new, was_found = _first_fraction(one, change)
            if was_found:
                return [*node[:at], new, *node[at + 1 :]], True
    return node, False


SHAPES: tuple[Break, ...] = (
    _cut,
    _contradicted,
    _wrapped,
    _extra_key,
    _key_case,
    _lone_item,
    _missing_key,
    _listed("schema/enum-case", str.swapcase, is_lossless=True),
    _listed("schema/unknown-word", lambda word: f"{word} (mostly)", is_lossless=False),
    _fractions("schema/type", str, is_lossless=True),
    _fractions("schema/range", lambda share: -100 * share - 1, is_lossless=False),
)
ALL = (*(one for one in BREAKS if one is not corrected), *SHAPES)
