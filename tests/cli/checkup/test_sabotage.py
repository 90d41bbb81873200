"""Sabotage, and whether the doctor names it. Each one breaks a single thing of a set-up that is otherwise well."""

import json
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amalfa.cli.checkup import machine
from tests.cli.conftest import Shell
from tests.cli.fake_ollama import FakeOllama
from tests.cli.fake_sonar import STATUS, FakeSonar

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"


def findings(shell: Shell, *flags: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = shell.call("doctor", "--json", *flags).json["data"]["findings"]
    return found


def found(shell: Shell, check: str) -> list[dict[str, str]]:
    return [one for one in findings(shell) if one["check"] == check and one["state"] != "ok"]


def configure(shell: Shell, **settings: Any) -> None:
    (shell.root / "amalfa.config.json").write_text(json.dumps(settings))


def test_a_well_set_up_has_no_findings(well: Shell) -> None:
    done = well.call("doctor")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("\n0 problems, 0 warnings.\n")
    assert {one["check"] for one in findings(well)} >= {
        "python",
        "home",
        "disk",
        "config",
        "sonar",
        "notes",
        "ollama",
        "model",
    }


Sabotage = Callable[[Shell, FakeSonar, FakeOllama, pytest.MonkeyPatch], object]
Usage = namedtuple("Usage", "total used free")


def told(sonar: FakeSonar, **changes: Any) -> None:
    sonar.script.replies["/sonar/status"] = STATUS | changes


def provider(**changes: Any) -> dict[str, Any]:
    return {"name": "openrouter", "type": "openrouter", "state": "up", "reason": None, "hosts": []} | changes


def make_home_a_file(shell: Shell, sonar: FakeSonar, *_: object) -> None:
    sonar.close()
    shutil.rmtree(shell.environ["AMALFA_HOME"])
    Path(shell.environ["AMALFA_HOME"]).write_text("x")


def put_in_place_of_the_socket(shell: Shell, sonar: FakeSonar, *_: object) -> None:
    sonar.places.socket.unlink()
    sonar.places.socket.write_text("x")


def write_env(shell: Shell) -> None:
    (shell.root / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
    (shell.root / ".env").chmod(0o644)


SABOTAGES: dict[str, tuple[Sabotage, str, str, str]] = {
    "no project": (lambda sh, *_: (sh.root / "amalfa.config.json").unlink(), "project", "problem", "amalfa init"),
    "a named file that is not there": (
        lambda sh, *_: sh.environ.update(AMALFA_CONFIG="none.json"),
        "project",
        "problem",
        "amalfa init",
    ),
    "broken JSON": (lambda sh, *_: (sh.root / "amalfa.config.json").write_text("{ oops"), "config", "problem", "edit "),
    "an unknown key": (lambda sh, *_: configure(sh, sonar={"modl": "x"}), "config", "problem", "edit "),
    "a key in a file that others read": (
        lambda sh, *_: configure(sh, sonar={"providers": {"openrouter": {"apiKey": KEY}}}),
        "config",
        "problem",
        "edit ",
    ),
    "a host nobody approved": (
        lambda sh, *_: (
            configure(sh, sonar={"providers": {"ollama": {"hosts": ["gpu.example"]}}}) or sh.environ.pop("OLLAMA_HOST")
        ),
        "trust",
        "problem",
        "amalfa trust",
    ),
    "notes outside the project": (
        lambda sh, *_: configure(sh, docs={"sources": ["/etc"]}),
        "trust",
        "problem",
        "amalfa trust",
    ),
    "a source that does not exist": (
        lambda sh, *_: configure(sh, docs={"sources": ["nowhere"]}),
        "notes",
        "warning",
        "edit ",
    ),
    "an .env that others read": (lambda sh, *_: write_env(sh), "keys", "warning", "chmod 600 "),
    "a cloud without a key": (
        lambda sh, *_: configure(sh, sonar={"cloud": {"enabled": True}}),
        "keys",
        "problem",
        "add OPENROUTER_API_KEY=",
    ),
    "a key that only this shell has": (
        lambda sh, so, *_: sh.environ.update(OPENROUTER_API_KEY=KEY) or told(so, providers=[provider(state="no_key")]),
        "keys",
        "problem",
        "amalfa sonar restart",
    ),
    "a provider that refused its key": (
        lambda sh, so, *_: (
            configure(sh, sonar={"cloud": {"enabled": "auto"}})
            or told(so, providers=[provider(state="parked", reason="401")])
        ),
        "cloud",
        "problem",
        "correct the key",
    ),
    "a home that others enter": (
        lambda sh, *_: Path(sh.environ["AMALFA_HOME"]).chmod(0o750),
        "home",
        "problem",
        "chmod 700 ",
    ),
    "a project folder that others enter": (
        lambda sh, so, *_: so.places.folder.chmod(0o770),
        "home",
        "problem",
        "chmod 700 ",
    ),
    "a home that is a file": (make_home_a_file, "home", "problem", "mv "),
    "a home that cannot be made": (
        lambda sh, *_: sh.environ.update(AMALFA_HOME=f"{sh.root}/amalfa.config.json/home"),
        "home",
        "problem",
        "set AMALFA_HOME",
    ),
    "a log that others read": (
        lambda sh, so, *_: (so.places.folder / "x.log").write_text("x") and (so.places.folder / "x.log").chmod(0o644),
        "files",
        "problem",
        "chmod 600 ",
    ),
    "a damaged database": (
        lambda sh, so, *_: (so.places.folder / "sonar.db.corrupt-1").touch(0o600),
        "files",
        "warning",
        "rm ",
    ),
    "a file in place of the socket": (put_in_place_of_the_socket, "files", "problem", "mv "),
    "a full disk": (
        lambda sh, so, ol, mp: mp.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 10**6)),
        "disk",
        "problem",
        "make room",
    ),
    "a disk that is nearly full": (
        lambda sh, so, ol, mp: mp.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 8 * 10**8, 2 * 10**8)),
        "disk",
        "warning",
        "make room",
    ),
    "few watches": (
        lambda sh, so, ol, mp: (
            (sh.root.parent / "max_user_watches").write_text("100") and mp.setattr(machine, "_INOTIFY", sh.root.parent)
        ),
        "watching",
        "warning",
        "sudo sysctl fs.inotify.max_user_watches=",
    ),
    "an old Python": (
        lambda sh, so, ol, mp: mp.setattr(machine, "OLDEST_PYTHON", (9, 9)),
        "python",
        "problem",
        "install Python",
    ),
    "a sonar of another version": (
        lambda sh, so, *_: told(so, version="0.0.1"),
        "sonar",
        "warning",
        "amalfa sonar restart",
    ),
    "a sonar with a complaint": (
        lambda sh, so, *_: told(so, notices=["the index cannot be written"]),
        "sonar",
        "problem",
        "amalfa sonar logs",
    ),
    "a sonar on an older configuration": (
        lambda sh, so, *_: told(so, config=STATUS["config"] | {"problems": [{"path": "x", "line": 1, "message": "y"}]}),
        "config",
        "problem",
        "amalfa config check",
    ),
    "no notes": (
        lambda sh, so, *_: told(so, index=STATUS["index"] | {"notes": 0}),
        "notes",
        "warning",
        "amalfa config set docs.sources",
    ),
    "a stale index": (
        lambda sh, so, *_: told(so, index=STATUS["index"] | {"stale": 4}),
        "notes",
        "warning",
        "amalfa index rebuild",
    ),
    "no Ollama": (
        lambda sh, so, ol, _: sh.environ.update(OLLAMA_HOST="127.0.0.1:1"),
        "ollama",
        "warning",
        "ollama serve",
    ),
    "an Ollama that fails": (lambda sh, so, ol, _: setattr(ol, "status", 500), "ollama", "warning", "ollama serve"),
    "something else on Ollama's port": (
        lambda sh, so, ol, _: setattr(ol, "body", b"<html>"),
        "ollama",
        "warning",
        "ollama serve",
    ),
    "a model that is not installed": (
        lambda sh, so, ol, _: setattr(ol, "models", []),
        "model",
        "problem",
        "ollama pull qwen2.5:1.5b",
    ),
    "only the second choice installed": (
        lambda sh, so, ol, _: configure(sh, sonar={"model": "nope:1b", "modelPriority": ["llama3"]}),
        "model",
        "warning",
        "ollama pull nope:1b",
    ),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_sabotage_is_named_with_what_to_do(
    well: Shell, sonar: FakeSonar, ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sabotage, check, state, fix = SABOTAGES[name]
    sabotage(well, sonar, ollama, monkeypatch)
    named = found(well, check)
    assert [one for one in named if one["state"] == state and one["fix"].startswith(fix)], named
    assert well.call("doctor").code == (1 if any(one["state"] == "problem" for one in findings(well)) else 0)
