import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from amalfa.client.connection import SocketConnection
from tests.cli.conftest import Shell
from tests.cli.fake_sonar import FakeSonar


def test_no_daemon_uses_the_engine_in_this_process(
    shell: Shell, sonar: FakeSonar, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[Path] = []

    def connect(project: SimpleNamespace, environ: object) -> SocketConnection:
        connected.append(project.root)
        return SocketConnection(sonar.places.socket)

    monkeypatch.setitem(sys.modules, "amalfa.daemon.inprocess", SimpleNamespace(connect=connect))
    assert shell.call("search", "x", "--no-daemon").code == 0
    assert connected == [shell.root]
    assert shell.call("--no-daemon", "ask", "How?").out.startswith("Rotate them")


@pytest.mark.parametrize("command", [["search", "x"], ["ask", "How?"]])
def test_a_sonar_that_is_just_leaving_is_asked_once_more(shell: Shell, sonar: FakeSonar, command: list[str]) -> None:
    leaving = (503, {"code": "shutting_down", "message": "Sonar is stopping.", "hint": ""})
    sonar.script.failing_once[f"/sonar/{command[0]}"] = leaving
    done = shell.call(*command)
    assert (done.code, len(sonar.asked)) == (0, 2)


def test_a_sonar_that_stays_away_is_exit_3(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.failures["/sonar/search"] = (
        503,
        {"code": "shutting_down", "message": "Sonar is stopping.", "hint": ""},
    )
    assert shell.call("search", "x").code == 3
    assert len(sonar.asked) == 3


def test_other_failures_are_not_tried_again(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.failures["/sonar/search"] = (429, {"code": "busy", "message": "Too many.", "hint": ""})
    assert shell.call("search", "x").code == 7
    assert len(sonar.asked) == 1


def test_without_autostart_nothing_is_started(shell: Shell) -> None:
    done = shell.call("ask", "How?")
    assert done.code == 3
    assert done.err.endswith("Fix: amalfa sonar start\n")
