"""A project with a home of its own, the real command line in it, and the certainty that nothing it started stays."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from amalfa.daemon.state import State, read_state
from amalfa.paths import Places, Project, places_for

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0
ROUNDS = int(os.environ.get("AMALFA_TEST_ROUNDS", "0"))
"""How often the heavy loops run; 0 leaves each at its own modest number."""


def rounds(modest: int) -> int:
    """How many rounds a heavy loop should make."""
    return ROUNDS or modest


class Home:
    """One project (`root`), one AMALFA_HOME (`state_folder`), one environment. Everything lies under `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "notes"
        self.state_folder = folder / "state"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "user"),
            "XDG_CONFIG_HOME": str(folder / "user" / ".config"),
            "AMALFA_HOME": str(self.state_folder),
            "LANG": "C.UTF-8",
        }
        self._spawned: list[subprocess.Popen[str]] = []
        self.root.mkdir()
        (folder / "user").mkdir()
        self.write_config({})
        self.write_note("guide.md", "# Guide\n\nThe kettle is descaled with vinegar every second month.\n")

    @property
    def project(self) -> Project:
        return Project(root=self.root.resolve(), config=self.root.resolve() / "amalfa.config.json")

    @property
    def places(self) -> Places:
        return places_for(self.root, self.environ)

    @property
    def state(self) -> State | None:
        return read_state(self.places.state)

    @property
    def log_text(self) -> str:
        try:
            return self.places.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def write_config(self, config: Mapping[str, object] | str) -> None:
        text = config if isinstance(config, str) else json.dumps(config, indent=2)
        (self.root / "amalfa.config.json").write_text(text)

    def write_note(self, path: str, text: str) -> Path:
        note = self.root / path
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(text)
        return note

    def cli(
        self,
        *arguments: str,
        stdin: str | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout_s: float = PATIENCE_S,
    ) -> "subprocess.CompletedProcess[str]":
        """Run `amalfa …` to its end. `environ` is added to the home's own."""
        return subprocess.run(
            [sys.executable, "-m", "amalfa", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            env={**self.environ, **(environ or {})},
            cwd=cwd or self.root,
            timeout=timeout_s,
            check=False,
        )

    def spawn(self, *arguments: str, environ: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Begin `amalfa …` in a process group of its own; `ended` waits for it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "amalfa", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environ, **(environ or {})},
            cwd=self.root,
            start_new_session=True,
        )
        self._spawned.append(process)
        return process

    def json(self, *arguments: str) -> Any:
        """The `data` of a command that succeeds."""
        ran = self.cli(*arguments, "--json")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout)["data"]

    def start(self) -> int:
        """Start sonar through the command line; returns its pid."""
        ran = self.cli("sonar", "start")
        assert ran.returncode == 0, ran.stderr
        return self.pid

    @property
    def pid(self) -> int:
        """The pid in the state file."""
        state = self.state
        assert state is not None, self.log_text
        return state.pid

    def daemons(self) -> list[int]:
        """The sonar processes of this home that live, found by their command lines."""
        found = []
        for process in psutil.process_iter(["pid", "cmdline", "status"]):
            line = process.info["cmdline"] or []
            if "amalfa.daemon.serve" in line and process.info["status"] != psutil.STATUS_ZOMBIE:
                found += [process.pid] if any(part.startswith(str(self.folder)) for part in line) else []
        return sorted(found)

    def lives_as(self, *pids: int) -> bool:
        """Whether these are the only sonar processes; one that is just exiting gets a moment for it."""
        give_up_s = time.monotonic() + 2
        while self.daemons() != sorted(pids):
            if time.monotonic() > give_up_s:
                return False
            time.sleep(0.02)
        return True

    def inject(self, code: str) -> None:
        """Run this code in every Python process of this home before anything else."""
        site = self.folder / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(textwrap.dedent(code))
        self.environ["PYTHONPATH"] = str(site)

    def inject_into_sonar(self, code: str) -> None:
        """Run this code in sonar's own process only, in the background or the foreground, before it does anything."""
        body = textwrap.indent(textwrap.dedent(code), "    ")
        is_sonar = "'amalfa.daemon.serve' in sys.orig_argv or sys.orig_argv[-2:] == ['sonar', 'run']"
        self.inject(f"import sys\nif {is_sonar}:\n{body}\n")

    def use_stand_in(self, *, then: str = "", **behaviour: object) -> None:
        """Put the stand-in in the place of the engine and the routes, and run `then` after it."""
        self.environ["STAND_IN"] = json.dumps(behaviour)
        lines = (
            f"sys.path.insert(0, {str(REPOSITORY)!r})",
            "from tests.daemon import stand_in",
            "stand_in.install()",
            textwrap.dedent(then),
        )
        self.inject_into_sonar("\n".join(lines))

    def end(self) -> None:
        """Kill what still lives of this home."""
        for process in self._spawned:
            process.kill()
            process.communicate()
        for pid in self.daemons():
            for number in (signal.SIGCONT, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        wait_until(lambda: not self.daemons())


@contextmanager
def new_home(prefix: str = "am-") -> Iterator[Home]:
    """A home in a folder with a short path, gone afterwards with every process in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    home = Home(folder)
    try:
        yield home
    finally:
        home.end()
        with suppress(OSError):
            home.places.socket.unlink()
        shutil.rmtree(folder, ignore_errors=True)


def wait_until(condition: Callable[[], object], *, patience_s: float = PATIENCE_S) -> None:
    """Look again and again until something is true that another process does."""
    give_up_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < give_up_s, "it did not happen in time"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is only not yet collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ended(process: "subprocess.Popen[str]", *, patience_s: float = PATIENCE_S) -> tuple[int, str, str]:
    """Wait for a spawned command: (exit code, stdout, stderr)."""
    out, err = process.communicate(timeout=patience_s)
    return process.returncode, out, err
