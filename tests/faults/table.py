"""The outcome of the matrix as a table, for people."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

HEADINGS = ("row", "fault", "upstream", "caller", "outcome", "verdict")
VERDICTS = {"passed": "as required", "failed": "FAILED"}


@dataclass(frozen=True, slots=True)
class Line:
    """One fault against one upstream for one kind of caller."""

    row: str
    fault: str
    upstream: str
    caller: str
    outcome: str
    verdict: str

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.row, self.fault, self.upstream, self.caller, self.outcome, self.verdict)

    @property
    def rank(self) -> tuple[str, int, str, str]:
        found = re.fullmatch(r"(\D+)(\d+)", self.row)
        letter, number = (found[1], int(found[2])) if found else (self.row, 0)
        return letter, number, self.fault, self.upstream


def line_of(report: pytest.TestReport) -> Line | None:
    """What a test of the matrix noted about itself; None for every other test and for set-up and tear-down."""
    noted: dict[str, Any] = dict(report.user_properties)
    if report.when != "call" or "fault" not in noted:
        return None
    row, fault, upstream, caller = noted["fault"]
    return Line(row, fault, upstream, caller, str(noted.get("outcome", "")), VERDICTS.get(report.outcome, ""))


def as_text(lines: Iterable[Line]) -> list[str]:
    """Aligned columns."""
    rows = [HEADINGS, *(line.cells for line in _ordered(lines))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def as_markdown(lines: Iterable[Line]) -> list[str]:
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(line.cells for line in _ordered(lines))]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]


def as_sentence(lines: Iterable[Line]) -> str:
    """How many turned out as required, for a run in which the matrix is one part of many."""
    verdicts = [line.verdict for line in lines]
    good = verdicts.count(VERDICTS["passed"])
    return f"fault matrix: {good} of {len(verdicts)} as required; the table: python -m tests.faults"


def _ordered(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line.rank)
