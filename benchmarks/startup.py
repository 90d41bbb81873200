"""How fast commands start, in units of a click hello-world run in turn with them, and what the daemon costs idle."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.commands import Project, amalfa, hello_world, make_project
from benchmarks.figures import Spread, spread
from benchmarks.options import Options
from benchmarks.report import Cell, Report, Table
from benchmarks.vault import make_vault

UNIT = "click hello world"
TARGETS = {
    "amalfa --version": 1.5,
    "amalfa sonar status, stopped": 1.5,
    "amalfa sonar status": 1.5,
    "amalfa ask, first byte": 2.5,
}
SETTLING_S = 5.0
HEAVY = (
    "httpx",
    "asyncio",
    "anyio",
    "rich",
    "pydantic",
    "sqlite3",
    "apsw",
    "starlette",
    "uvicorn",
    "watchfiles",
    "yaml",
    "ruamel",
)
"""Modules that a light command may not import."""

LIGHT_COMMANDS = (["--version"], ["sonar", "status"], ["--help"])

Probe = Callable[[], float]


def run(options: Options) -> Report:
    rounds = 8 if options.is_quick else 30
    with TemporaryDirectory(prefix="ab", dir="/tmp") as folder:  # a short path, because sockets hold only so much
        project = make_project(Path(folder), _notes(options))
        unit = hello_world(Path(folder))
        stopped = _stopped_probes(project, unit)
        times = in_turn(stopped, rounds)
        starts = _starts(project, 2 if options.is_quick else 5)
        project.data(amalfa("sonar", "start"))
        try:
            times |= {
                name: taken for name, taken in in_turn(_running_probes(project, unit), rounds).items() if name != UNIT
            }
            memory = _idle_memory(project)
        finally:
            project.run(amalfa("sonar", "stop"))
        imported = {
            " ".join(command): heavy_imports(project, f"from amalfa.cli.main import run\nrun({command!r})")
            for command in LIGHT_COMMANDS
        }
    tables = (_command_table(times), _daemon_table(starts, memory), _import_table(imported))
    return Report("startup", tables, _figures(times, starts, memory, imported))


def _notes(options: Options) -> dict[str, str]:
    vault = make_vault(100, options.seed, 40)
    return {f"notes/{note.path}": note.text for note in vault.notes} | {"pool.md": "# Pool\n\nThe pool has 8 lanes.\n"}


def _stopped_probes(project: Project, unit: list[str]) -> dict[str, Probe]:
    return {
        UNIT: lambda: project.wall_s(unit),
        "amalfa --version": lambda: project.wall_s(amalfa("--version")),
        "amalfa --help": lambda: project.wall_s(amalfa("--help")),
        "amalfa sonar status, stopped": lambda: project.wall_s(amalfa("sonar", "status")),
    }


def _running_probes(project: Project, unit: list[str]) -> dict[str, Probe]:
    status, search = amalfa("sonar", "status"), amalfa("search", "lanes of the pool")
    ask = amalfa("ask", "How many lanes does the pool have?")
    for command in (status, search, ask):
        project.check(command)
    return {
        UNIT: lambda: project.wall_s(unit),
        "amalfa sonar status": lambda: project.wall_s(status),
        "amalfa search": lambda: project.wall_s(search),
        "amalfa ask, first byte": lambda: project.first_byte_s(ask),
    }


def in_turn(probes: Mapping[str, Probe], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Run all probes in turn; for each one (seconds, units), the unit being the hello-world of the same round.

    Taking turns lets a change in the machine's load fall on all alike. The first two rounds only warm up.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in probes}
    for number in range(rounds + 2):
        seconds = {name: probe() for name, probe in probes.items()}
        if number >= 2:
            for name, value in seconds.items():
                taken[name].append((value, value / seconds[UNIT]))
    return taken


def _starts(project: Project, times: int) -> list[float]:
    """Seconds from the command to a daemon that answers; `sonar start` returns when it does."""
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        project.data(amalfa("sonar", "start"))
        taken.append(time.perf_counter() - began)
        project.run(amalfa("sonar", "stop"))
    return taken


def _idle_memory(project: Project) -> dict[str, float]:
    """Megabytes of the daemon after it has had nothing to do for a while: all of it, and what is its alone."""
    time.sleep(SETTLING_S)
    pid = project.data(amalfa("sonar", "status"))["pid"]
    assert isinstance(pid, int)
    process = psutil.Process(pid)
    whole = process.memory_full_info()
    return {"rss": whole.rss / 1e6, "private": whole.uss / 1e6, "shared": (whole.rss - whole.uss) / 1e6}


def heavy_imports(project: Project, program: str) -> list[str]:
    """Which of `HEAVY` a piece of Python has loaded when it ends."""
    done = project.run([sys.executable, "-c", f"{program}\nimport sys\nprint('\\n' + ' '.join(sys.modules))"])
    loaded = {name.partition(".")[0] for name in done.stdout.decode().splitlines()[-1].split()}
    return [name for name in HEAVY if name in loaded]


def _command_table(times: Mapping[str, list[tuple[float, float]]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, taken in times.items():
        ms, units = spread([seconds * 1e3 for seconds, _ in taken]), spread([unit for _, unit in taken])
        rows.append((name, ms.median, units.median, _range(units), TARGETS.get(name)))
    return Table("commands", ("command", "median ms", "units", "quartiles", "target"), tuple(rows))


def _range(one: Spread) -> str:
    return f"{one.low:.2f}-{one.high:.2f}"


def _daemon_table(starts: list[float], memory: Mapping[str, float]) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = (
        ("start to ready, s (median)", spread(starts).median, 0.6),
        ("idle memory, MB", memory["rss"], 80),
        ("  of which private", memory["private"], None),
        ("  of which shared", memory["shared"], None),
    )
    return Table("daemon", ("daemon", "measured", "target"), rows)


def _import_table(imported: Mapping[str, list[str]]) -> Table:
    rows = tuple((f"amalfa {command}", ", ".join(found) or "none") for command, found in imported.items())
    return Table("imports", ("command", "heavy modules imported"), rows)


def _figures(
    times: Mapping[str, list[tuple[float, float]]],
    starts: list[float],
    memory: Mapping[str, float],
    imported: Mapping[str, list[str]],
) -> dict[str, object]:
    commands = {
        name: {
            "ms": [round(seconds * 1e3, 2) for seconds, _ in taken],
            "units": spread([unit for _, unit in taken]).median,
        }
        for name, taken in times.items()
    }
    return {"commands": commands, "start_s": starts, "memory_mb": dict(memory), "heavy_imports": dict(imported)}
