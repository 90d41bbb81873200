"""Runs the fault matrix and prints it as Markdown: `python -m tests.faults`. Exit code 0 when all is as required."""

import sys
from pathlib import Path

import pytest

from tests.faults.table import Line, as_markdown, line_of


class _Collector:
    """Listens to a run of pytest."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        line = line_of(report)
        if line is not None:
            self.lines.append(line)


def main() -> int:
    collector = _Collector()
    folder = str(Path(__file__).resolve().parent)
    # Without the options of the project, some of which only the terminal plugin knows.
    options = ["-o", "addopts=--import-mode=importlib", "-p", "no:terminal", "-p", "no:cacheprovider"]
    code = pytest.main([*options, folder], plugins=[collector])
    sys.stdout.write("\n".join(as_markdown(collector.lines)) + "\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
