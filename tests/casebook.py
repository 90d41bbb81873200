"""Tables of cases that sonar must live through, and the tests that provoke each: found by number, not by a list."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Cover:
    """One test that provokes a case."""

    case: str
    file: str
    test: str


@dataclass(frozen=True, slots=True)
class Casebook:
    """Number (a letter and digits) → required outcome, and the folders of tests to look in."""

    cases: Mapping[str, str]
    searched: tuple[str, ...]

    def covers(self) -> tuple[Cover, ...]:
        """Every test that names a case, in its own name (`test_f4_…`) or in its docstring."""
        numbers = (cover for folder in self.searched for cover in _numbers_in(TESTS / folder))
        return tuple(cover for cover in numbers if cover.case in self.cases)

    def named_after(self, case: str) -> list[str]:
        """The tests that bear the number of a case in their names."""
        return [cover.test for cover in self.covers() if cover.case == case and f"_{case.lower()}_" in cover.test]

    def provoke(self) -> int:
        """Run all these tests, print what came of each case as Markdown, and return the exit code: 0 if all held."""
        collector, covers = _Collector(), self.covers()
        wanted = dict.fromkeys(f"{TESTS.parent / cover.file}::{cover.test}" for cover in covers)
        options = ["-o", "addopts=--import-mode=importlib", "-p", "no:terminal", "-p", "no:cacheprovider"]
        code = pytest.main([*options, f"--rootdir={TESTS.parent}", *wanted], plugins=[collector])
        lines = ["| case | required | tests | outcome |", "| --- | --- | --- | --- |"]
        for case, required in self.cases.items():
            seen = [collector.outcomes[cover.file, cover.test] for cover in covers if cover.case == case]
            runs = [outcome for outcomes in seen for outcome in outcomes]
            told = f"{len(seen)} tests, {runs.count('passed')} of {len(runs)} runs"
            lines.append(f"| {case} | {required} | {told} | {verdict(runs)} |")
        sys.stdout.write("\n".join(lines) + "\n")
        return int(code)


@cache
def _numbers_in(folder: Path) -> tuple[Cover, ...]:
    """Whatever looks like the number of a case, by the tests that name it."""
    return tuple(cover for path in sorted(folder.glob("test_*.py")) for cover in _in_file(path))


def _in_file(path: Path) -> Iterator[Cover]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        named = re.findall(r"_([a-z]\d+)(?=_)", node.name)
        told = re.findall(r"\b([A-Z]\d+)\b", ast.get_docstring(node) or "")
        for case in dict.fromkeys([*(one.upper() for one in named), *told]):
            yield Cover(case, path.relative_to(TESTS.parent).as_posix(), node.name)


def verdict(runs: list[str]) -> str:
    """What the outcomes of a case amount to; some tests need rights that not every user has."""
    held, failed, skipped = (runs.count(outcome) for outcome in ("passed", "failed", "skipped"))
    if failed or not held:
        return f"FAILED ({failed})"
    return f"held, {skipped} not for this user" if skipped else "held"


class _Collector:
    """Listens to a run of pytest: outcomes by (file, test), parameters left out."""

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, str], list[str]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.failed or report.skipped:
            file, _, name = report.nodeid.partition("::")
            self.outcomes[file, name.partition("[")[0]].append(report.outcome)
