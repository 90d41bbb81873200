import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from amalfa.cli.checkup import machine, probe
from amalfa.cli.commands import doctor
from amalfa.paths import places_for
from tests.cli.checkup.test_sabotage import KEY, findings, found
from tests.cli.conftest import Shell
from tests.cli.fake_ollama import FakeOllama
from tests.cli.fake_sonar import STATUS, FakeSonar


@pytest.mark.usefixtures("deaf_sonar")
def test_a_sonar_that_does_not_answer_is_named(shell: Shell) -> None:
    assert [one["fix"] for one in found(shell, "sonar")] == ["amalfa sonar restart --force"]


@pytest.mark.skipif(os.getuid() != 0, reason="needs to give a folder away")
def test_a_home_of_somebody_else_is_named(well: Shell) -> None:
    os.chown(well.environ["AMALFA_HOME"], 65534, -1)
    assert [one["fix"] for one in found(well, "home")] == ["set AMALFA_HOME to a folder of your own"]


def test_without_sonar_the_rest_is_checked_and_nothing_is_started(shell: Shell, ollama: FakeOllama) -> None:
    shell.environ["OLLAMA_HOST"] = ollama.host
    del shell.environ["AMALFA_NO_AUTOSTART"]
    assert {one["check"] for one in findings(shell)} >= {"python", "config", "sonar", "model"}
    assert shell.call("sonar", "status").code == 3


def test_a_silent_ollama_keeps_nobody_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(probe.ProbeFailed, match="does not answer"):
        probe.get_json(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.05)


def test_every_finding_that_is_not_ok_says_what_to_do(well: Shell, sonar: FakeSonar, ollama: FakeOllama) -> None:
    ollama.models = []
    sonar.script.replies["/sonar/status"] = STATUS | {"notices": ["x"], "version": "0"}
    (well.root / "amalfa.config.json").write_text('{"docs": {"sources": ["nowhere"]}}')
    assert all(one["fix"] for one in findings(well) if one["state"] != "ok")
    text = well.call("doctor").out
    assert text.count("Fix: ") == sum(one["state"] != "ok" for one in findings(well))


def test_a_check_that_fails_itself_is_a_finding_and_stops_no_other(
    well: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_bad(patient: object) -> Iterator[Any]:
        raise ZeroDivisionError("x")
        yield

    monkeypatch.setattr(doctor, "CHECKS", (check_bad, *doctor.CHECKS))
    first, *others = findings(well)
    assert (first["check"], first["state"]) == ("bad", "problem")
    assert "ZeroDivisionError" in first["message"]
    assert len(others) > 5


def test_fix_mends_modes_and_tells_what_it_did(well: Shell, sonar: FakeSonar) -> None:
    (well.root / ".env").write_text("")
    (well.root / ".env").chmod(0o644)
    sonar.places.folder.chmod(0o755)
    done = well.call("doctor", "--fix")
    assert done.code == 0
    assert f"Done: chmod 700 {sonar.places.folder}\n" in done.out
    assert f"Done: chmod 600 {well.root}/.env\n" in done.out
    assert (well.root / ".env").stat().st_mode & 0o777 == 0o600
    assert sonar.places.folder.stat().st_mode & 0o777 == 0o700


def test_nothing_is_changed_without_fix(well: Shell, sonar: FakeSonar) -> None:
    sonar.places.folder.chmod(0o755)
    assert well.call("doctor").code == 1
    assert sonar.places.folder.stat().st_mode & 0o777 == 0o755


def test_a_key_is_told_masked_and_with_its_source(well: Shell) -> None:
    well.environ["OPENROUTER_API_KEY"] = KEY
    lines = [one["message"] for one in findings(well) if one["check"] == "keys"]
    assert lines == ["openrouter: sk-…def, from environment OPENROUTER_API_KEY"]


def test_an_ascii_terminal_is_named(well: Shell) -> None:
    done = well.run("doctor", "--json", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "terminal" in {one["check"] for one in done.json["data"]["findings"]}


def test_hosts_that_wait_for_leave_are_not_dialled(well: Shell, ollama: FakeOllama) -> None:
    del well.environ["OLLAMA_HOST"]
    (well.root / "amalfa.config.json").write_text('{"sonar": {"host": "203.0.113.7"}}')
    assert "ollama" not in {one["check"] for one in findings(well)}


def test_the_folders_are_the_ones_sonar_uses(well: Shell, sonar: FakeSonar) -> None:
    assert places_for(well.root, well.environ).folder == sonar.places.folder
    assert sys.version_info >= machine.OLDEST_PYTHON
