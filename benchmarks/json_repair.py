"""How much broken JSON is read rightly, silently wrongly, or refused: ours, json.loads and the json-repair library."""

import json
from collections import Counter
from collections.abc import Callable
from importlib import import_module

from amalfa.errors import BadReply
from amalfa.execution.structured.read import read_reply
from amalfa.execution.structured.strict import is_same
from benchmarks.malformed import Malformed, corpus
from benchmarks.options import Options
from benchmarks.report import Cell, Report, Table

Read = Callable[[str], object | None]
OUTCOMES = ("right", "silently wrong", "refused")


def run(options: Options) -> Report:
    cases = corpus(1_200 if options.is_quick else 6_000, options.seed)
    readers: dict[str, Read] = {"amalfa": _ours, "json.loads": _loads}
    remarks = []
    if (rival := _rival()) is not None:
        readers["json-repair"] = rival
    else:
        remarks.append("json-repair is not installed, so it was left out: pip install json-repair")
    counts = {name: _counted(read, cases) for name, read in readers.items()}
    figures: dict[str, object] = {
        "cases": len(cases),
        "readers": {name: _figures(found) for name, found in counts.items()},
    }
    tables = (_totals(counts), _per_class(counts["amalfa"]))
    return Report("json_repair", tables, figures, remarks)


Counts = Counter[tuple[str, str, str]]


def _counted(read: Read, cases: list[Malformed]) -> Counts:
    """(class, whether it can be repaired, outcome) → how many."""
    return Counter(
        (case.kind, "lossless" if case.truth is not None else "refuse", outcome(read, case)) for case in cases
    )


def outcome(read: Read, case: Malformed) -> str:
    """What a reader made of a case; to refuse what must be refused is right."""
    value = read(case.raw)
    if value is None:
        return "right" if case.truth is None else "refused"
    return "right" if case.truth is not None and is_same(value, case.truth) else "silently wrong"


def _ours(text: str) -> object | None:
    try:
        return read_reply(text).value
    except BadReply:
        return None


def _loads(text: str) -> object | None:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _rival() -> Read | None:
    try:
        library = import_module("json_repair")
    except ImportError:
        return None

    def read(text: str) -> object | None:
        try:
            value: object = library.loads(text)
        except (ValueError, RecursionError):
            return None
        # The library's word for nothing found.
        return None if value == "" else value

    return read


def _figures(counts: Counts) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (kind, side, what), count in sorted(counts.items()):
        found.setdefault(f"{kind}/{side}", {})[what] = count
    return found


def _totals(counts: dict[str, Counts]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, found in counts.items():
        sums = [sum(count for key, count in found.items() if key[2] == what) for what in OUTCOMES]
        sides = {what: sum(count for key, count in found.items() if key[1:] == ("lossless", what)) for what in OUTCOMES}
        rows.append((name, *sums, 100 * sides["right"] / max(1, sum(sides.values()))))
    return Table("malformed replies", ("reader", *OUTCOMES, "% of lossless read"), tuple(rows))


def _per_class(counts: Counts) -> Table:
    kinds = sorted({(kind, side) for kind, side, _ in counts})
    rows: list[tuple[Cell, ...]] = [
        (f"{kind} ({side})", *(counts[kind, side, what] for what in OUTCOMES)) for kind, side in kinds
    ]
    return Table("amalfa by class", ("class", *OUTCOMES), tuple(rows))
