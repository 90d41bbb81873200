"""Runs real commands in a project of their own, and measures how long they take. Knows no benchmark."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HELLO = """\
import click


@click.command()
@click.option("--name", default="world")
def hello(name):
    click.echo(f"hello {name}")


if __name__ == "__main__":
    hello()
"""
"""One CLI unit: what the smallest useful click program costs."""

KEPT_NAMES = ("PATH", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a config and notes, and an environment in which nothing else is set."""

    root: Path
    environ: Mapping[str, str]

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command, cwd=self.root, env=dict(self.environ), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )

    def data(self, command: Sequence[str]) -> Mapping[str, object]:
        """The `data` of a command's `--json` reply. Raises RuntimeError with its output when it failed."""
        done = self.run([*command, "--json"])
        reply = json.loads(done.stdout or b"{}")
        if not reply.get("ok"):
            raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr).decode(errors='replace')[:500]}")
        return dict(reply["data"])

    def check(self, command: Sequence[str]) -> None:
        """Run a command that has to succeed, so that nothing measures how fast it fails."""
        done = self.run(command)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr).decode(errors='replace')[:500]}")

    def wall_s(self, command: Sequence[str]) -> float:
        began = time.perf_counter()
        self.run(command)
        return time.perf_counter() - began

    def first_byte_s(self, command: Sequence[str]) -> float:
        """From the command's start to the first byte it prints; the rest is read and thrown away."""
        began = time.perf_counter()
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            first = process.stdout.read(1)
            taken = time.perf_counter() - began
            process.stdout.read()
        if not first:
            raise RuntimeError(f"{' '.join(command)} printed nothing")
        return taken


def make_project(folder: Path, notes: Mapping[str, str]) -> Project:
    """A project in `folder`. Its home is short and inside, so that nothing of the user's is read or written."""
    root = folder / "project"
    for path, text in {"amalfa.config.json": "{}\n", **notes}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    environ = {name: os.environ[name] for name in KEPT_NAMES if name in os.environ}
    home = folder / "home"
    home.mkdir()
    environ |= {"HOME": str(home), "AMALFA_HOME": str(home / "amalfa"), "XDG_CONFIG_HOME": str(home / "config")}
    return Project(root, environ)


def amalfa(*arguments: str) -> list[str]:
    """The installed command beside this interpreter, or the module when there is none."""
    script = Path(sys.executable).with_name("amalfa")
    return [str(script), *arguments] if script.exists() else [sys.executable, "-m", "amalfa", *arguments]


def hello_world(folder: Path) -> list[str]:
    """Write the unit's program and return the command that runs it."""
    path = folder / "hello.py"
    path.write_text(HELLO, encoding="utf-8")
    return [sys.executable, str(path)]
