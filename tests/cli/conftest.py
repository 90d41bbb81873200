"""A project in a temporary home, a fake sonar for it, and ways to run the real `amalfa` there."""

import io
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from amalfa.cli import main
from tests.cli.fake_ollama import FakeOllama
from tests.cli.fake_sonar import FakeSonar, fake_sonar
from tests.client.scripted_server import short_folder

LIMIT_S = 20.0


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Runs `amalfa` as a process in a project's folder, with nothing of the developer's environment."""

    def __init__(self, home: Path) -> None:
        self.root = home / "notes"
        self.root.mkdir()
        (self.root / "amalfa.config.json").write_text("{}\n")
        (home / "config").mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AMALFA_HOME": str(home / "state"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "AMALFA_NO_AUTOSTART": "1",
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "amalfa", *arguments]

    def run(self, *arguments: str, stdin: str | IO[bytes] | None = "", **environ: str) -> Result:
        """Run to the end in a pipe. `stdin` is text, or an open file to inherit."""
        given = {"input": stdin.encode()} if isinstance(stdin, str) else {"stdin": stdin}
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            cwd=self.root,
            env=self.environ | environ,
            timeout=LIMIT_S,
            **given,  # type: ignore[call-overload]  # one of two ways to give an input
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def call(self, *arguments: str, **environ: str) -> Result:
        """Run to the end inside this process, which saves the start-up; not for what reads standard input."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.root)
            patch.setattr(os, "environ", self.environ | environ)
            code = main.run(arguments)
        return Result(code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.root,
            env=self.environ | environ,
        )

    def terminal(self, *arguments: str, columns: int = 80, **environ: str) -> "Terminal":
        return Terminal(self.command(*arguments), self.root, self.environ | environ, columns=columns)


class Terminal:
    """A process on a pseudo-terminal: `seen` is every byte it wrote there, both outputs mixed as on a screen."""

    def __init__(self, command: list[str], folder: Path, environ: dict[str, str], *, columns: int) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environ, start_new_session=True
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, text: str, *, after: str = "") -> None:
        """Read until `text` has been seen, somewhere behind `after`."""
        until_s = time.monotonic() + LIMIT_S
        while text not in self.seen.partition(after or "\0")[2 if after else 0]:
            assert time.monotonic() < until_s, f"{text!r} did not appear in {self.seen!r}"
            is_over = not self._read(0.1) and self.process.poll() is not None
            assert not is_over, f"{text!r} did not appear in {self.seen!r}"

    def finish(self) -> int:
        """Read to the end of the process and return its exit code."""
        until_s = time.monotonic() + LIMIT_S
        while self._read(0.1) or self.process.poll() is None:
            assert time.monotonic() < until_s, self.seen
        return self.process.wait()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _read(self, wait_s: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], wait_s)
        if not ready:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            return False
        self.seen += piece.decode(errors="replace")
        return bool(piece)


@pytest.fixture
def shell() -> Iterator[Shell]:
    with short_folder() as home:
        yield Shell(home)


@pytest.fixture
def sonar(shell: Shell) -> Iterator[FakeSonar]:
    with fake_sonar(shell.root, shell.environ) as running:
        yield running


@pytest.fixture
def deaf_sonar(shell: Shell, sonar: FakeSonar) -> Iterator[None]:
    """Something that listens and never answers, in the place of sonar."""
    sonar.close()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(sonar.places.socket))
        listener.listen(8)
        yield


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    fake = FakeOllama()
    yield fake
    fake.close()


@pytest.fixture
def well(shell: Shell, sonar: FakeSonar, ollama: FakeOllama) -> Shell:
    """A set-up without any fault."""
    shell.environ["OLLAMA_HOST"] = ollama.host
    return shell


@pytest.fixture
def terminals(shell: Shell) -> Iterator[list[Terminal]]:
    """Terminals put into this list are closed with the test."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()
