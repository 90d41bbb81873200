import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.commands import Project, hello_world, make_project
from benchmarks.startup import HEAVY, UNIT, heavy_imports, in_turn


def scripted(values: list[float], log: list[str], name: str) -> Callable[[], float]:
    def probe() -> float:
        log.append(name)
        return values.pop(0)

    return probe


def test_commands_take_turns_and_are_counted_in_units_of_the_same_round() -> None:
    log: list[str] = []
    probes = {
        UNIT: scripted([9.0, 9.0, 1.0, 2.0], log, "unit"),
        "status": scripted([9.0, 9.0, 3.0, 3.0], log, "status"),
    }
    assert in_turn(probes, 2)["status"] == [(3.0, 3.0), (3.0, 1.5)]
    assert log == ["unit", "status"] * 4


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, {"notes/a.md": "# A\n"})


def test_a_project_has_its_notes_and_an_environment_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-FAKE")
    project = make_project(tmp_path, {"notes/a.md": "# A\n"})
    assert (project.root / "notes" / "a.md").read_text(encoding="utf-8") == "# A\n"
    assert (project.root / "amalfa.config.json").exists()
    assert "OPENROUTER_API_KEY" not in project.environ
    assert project.environ["PATH"] == os.environ["PATH"]


def test_the_unit_is_a_click_program_that_works(project: Project, tmp_path: Path) -> None:
    unit = hello_world(tmp_path)
    assert project.run(unit).stdout == b"hello world\n"
    assert project.wall_s(unit) > 0
    assert project.first_byte_s(unit) > 0


def test_a_command_that_fails_is_not_measured(project: Project) -> None:
    with pytest.raises(RuntimeError, match="no good"):
        project.check([sys.executable, "-c", "raise SystemExit('no good')"])
    with pytest.raises(RuntimeError, match="printed nothing"):
        project.first_byte_s([sys.executable, "-c", "pass"])


def test_heavy_imports_are_noticed(project: Project) -> None:
    assert heavy_imports(project, "import asyncio, rich.text") == [
        name for name in HEAVY if name in ("asyncio", "rich")
    ]
    assert heavy_imports(project, "import json") == []


def test_light_commands_import_nothing_heavy(project: Project) -> None:
    for command in (["--version"], ["sonar", "status"]):
        assert heavy_imports(project, f"from amalfa.cli.main import run\nrun({command!r})") == []
