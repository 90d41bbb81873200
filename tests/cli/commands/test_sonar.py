import json
import signal
import subprocess

import pytest

from amalfa.cli.status_text import status_text
from amalfa.client.document import Document
from tests.cli.conftest import Shell
from tests.cli.fake_sonar import STATUS, FakeSonar


def test_a_healthy_sonar_is_exit_0(shell: Shell, sonar: FakeSonar) -> None:
    done = shell.call("sonar", "status")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("sonar     running, pid 4242, version ")
    assert "answers   ollama:qwen2.5:1.5b (local, mode local): the local default\n" in done.out
    assert shell.call("sonar", "status", "--json").json["data"] == STATUS


def test_an_unhealthy_sonar_is_exit_1_and_names_the_line(shell: Shell, sonar: FakeSonar) -> None:
    problems = [{"path": "amalfa.config.json", "line": 7, "message": "unknown key"}]
    sonar.script.replies["/sonar/status"] = STATUS | {
        "healthy": False,
        "config": STATUS["config"] | {"problems": problems},
    }
    done = shell.call("sonar", "status")
    assert done.code == 1
    assert "amalfa.config.json:7: unknown key" in done.out
    assert "last good configuration" in done.out
    assert shell.call("sonar", "status", "--json").code == 1


def test_no_sonar_is_exit_3(shell: Shell) -> None:
    done = shell.call("sonar", "status")
    assert (done.code, done.out) == (3, "Sonar is not running.\n")
    in_json = shell.call("sonar", "status", "--json")
    assert (in_json.code, in_json.json["data"]) == (3, {"running": False})


@pytest.mark.usefixtures("deaf_sonar")
def test_a_sonar_that_does_not_answer_is_not_taken_for_a_stopped_one(shell: Shell) -> None:
    done = shell.call("sonar", "status", "--json")
    assert done.code == 1
    assert done.json["data"]["running"] is True
    assert done.json["data"]["healthy"] is False


def test_stopping_nothing_is_no_failure(shell: Shell) -> None:
    done = shell.call("sonar", "stop")
    assert (done.code, done.out) == (0, "Sonar was not running.\n")
    assert shell.call("sonar", "stop", "--json").json["data"] == {"stopped": False, "pid": None}


def test_starting_a_running_sonar_is_no_failure(shell: Shell, sonar: FakeSonar) -> None:
    done = shell.call("sonar", "start")
    assert done.code == 0
    assert done.out.startswith("Sonar is already running (pid 4242, version ")


def test_a_sonar_of_another_version_is_warned_about(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/health"] = {"ok": True, "pid": 1, "version": "9.0.0", "protocol": 1, "nonce": "x"}
    done = shell.call("ask", "How?")
    assert done.code == 0
    assert "Sonar is version 9.0.0" in done.err
    assert "version 9.0.0" not in shell.call("ask", "-q", "How?").err


@pytest.mark.parametrize("arguments", [["status"], ["stop"], ["logs"]])
def test_looking_and_stopping_start_nothing(shell: Shell, arguments: list[str]) -> None:
    del shell.environ["AMALFA_NO_AUTOSTART"]
    shell.call("sonar", *arguments)
    assert shell.call("sonar", "status").code == 3


def test_reload_tells_the_generation(shell: Shell, sonar: FakeSonar) -> None:
    done = shell.call("sonar", "reload")
    assert (done.code, done.out) == (0, "Configuration generation 3 is in force.\n")


def test_a_reload_of_a_bad_file_is_exit_8_with_every_problem(shell: Shell, sonar: FakeSonar) -> None:
    problems = [{"path": "a.json", "line": 1, "message": "one"}, {"path": "a.json", "line": 2, "message": "two"}]
    sonar.script.replies["/sonar/reload"] = {"generation": 2, "problems": problems}
    done = shell.call("sonar", "reload")
    assert done.code == 8
    assert done.err.endswith("\n  a.json:1: one\n  a.json:2: two\n")
    assert shell.call("sonar", "reload", "--json").json["error"]["problems"] == problems


def test_a_reload_without_sonar_is_exit_3(shell: Shell) -> None:
    assert shell.call("sonar", "reload").code == 3


class TestLogs:
    @pytest.fixture
    def log(self, shell: Shell, sonar: FakeSonar) -> list[str]:
        lines = [
            json.dumps({"at": f"t{number}", "level": "info", "event": f"e{number}\x1b[2J"}) for number in range(80)
        ]
        sonar.places.log.parent.mkdir()
        sonar.places.log.write_text("\n".join(lines) + "\n")
        return lines

    def test_the_last_lines_come_as_they_are_in_a_pipe(self, shell: Shell, log: list[str]) -> None:
        assert shell.call("sonar", "logs").out.splitlines() == log[-50:]
        assert shell.call("sonar", "logs", "-n", "2").out.splitlines() == log[-2:]
        assert shell.call("sonar", "logs", "-n", "2", "--json").json["data"] == {"lines": log[-2:]}

    def test_following_prints_what_is_logged_later(self, shell: Shell, sonar: FakeSonar, log: list[str]) -> None:
        running = shell.start("sonar", "logs", "-f", "-n", "1")
        assert running.stdout is not None
        assert running.stdout.readline().decode().strip() == log[-1]
        with sonar.places.log.open("a") as file:
            file.write("later\n")
        assert running.stdout.readline() == b"later\n"
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=10)
        assert running.returncode == 130

    def test_following_has_no_json(self, shell: Shell) -> None:
        assert shell.call("sonar", "logs", "-f", "--json").code == 2

    def test_no_log_is_said(self, shell: Shell) -> None:
        done = shell.call("sonar", "logs")
        assert (done.code, done.out) == (0, "")
        assert "no log yet" in done.err


def test_start_returns_although_its_output_is_a_pipe(shell: Shell) -> None:
    del shell.environ["AMALFA_NO_AUTOSTART"]
    (shell.root / "amalfa.config.json").write_text('{"sonar": {"modl": 1}}')
    line = f"{' '.join(shell.command('sonar', 'start'))} 2>&1 | cat"
    done = subprocess.run(
        ["sh", "-c", line], cwd=shell.root, env=shell.environ, capture_output=True, timeout=20, check=True
    )
    assert b"modl" in done.stdout


def test_the_status_of_another_version_reads_without_errors() -> None:
    assert "pid None" in status_text(Document({}))
    assert "not indexed yet" in status_text(Document({"index": {"notes": 1}}))


def test_a_provider_has_a_line_and_one_for_each_host_and_the_built_in_one_has_none() -> None:
    hosts = [{"url": "http://gpu1:11434", "state": "up", "loaded": ["qwen2.5:1.5b"]}, {"url": "http://b", "state": "?"}]
    providers = [
        {"name": "embedded", "state": "up", "reason": None, "hosts": [{"url": "", "state": "up", "loaded": []}]},
        {"name": "ollama", "state": "up", "reason": None, "hosts": hosts},
        {"name": "openai", "state": "no_key", "reason": "There is no key for openai.", "hosts": []},
    ]
    lines = status_text(Document(STATUS | {"providers": providers})).splitlines()
    at = lines.index("provider  embedded up (part of sonar)")
    assert lines[at + 1 : at + 5] == [
        "          ollama up",
        "            http://gpu1:11434 up, loaded qwen2.5:1.5b",
        "            http://b ?",
        "          openai no_key (There is no key for openai)",
    ]
    assert lines[at + 5].startswith("notes")


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (125, "2.1 min"), (7200, "2.0 h"), (200_000, "2.3 d")])
def test_the_age_reads_well(seconds: int, text: str) -> None:
    assert f"up {text}\n" in status_text(Document(STATUS | {"uptime_s": seconds}))
