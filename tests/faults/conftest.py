"""Prints the matrix when the run is over: the whole table for a run of this folder, else one line."""

from pathlib import Path

import pytest

from tests.faults.table import as_sentence, as_text, line_of

HERE = Path(__file__).resolve().parent


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = [report for group in ("passed", "failed") for report in terminalreporter.stats.get(group, [])]
    lines = [line for report in reports if (line := line_of(report))]
    if not lines:
        return
    terminalreporter.section("fault matrix")
    is_alone = all(_is_here(argument, config) for argument in config.args)
    for text in as_text(lines) if is_alone else [as_sentence(lines)]:
        terminalreporter.write_line(text)


def _is_here(argument: str, config: pytest.Config) -> bool:
    path = (config.invocation_params.dir / argument.partition("::")[0]).resolve()
    return path.is_relative_to(HERE)
