import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import amalfa
from amalfa import __version__
from amalfa.cli import main, program
from tests.cli.conftest import Shell
from tests.cli.fake_sonar import FakeSonar


def test_the_version_is_one_line(shell: Shell) -> None:
    done = shell.run("--version")
    assert (done.code, done.out, done.err) == (0, f"amalfa {__version__}\n", "")


def test_the_version_is_printed_after_a_command_as_well(shell: Shell) -> None:
    assert shell.run("ask", "--version").out == f"amalfa {__version__}\n"


def test_no_command_shows_the_help_and_is_a_usage_error(shell: Shell) -> None:
    done = shell.run()
    assert (done.code, done.out) == (2, "")
    assert "Usage: amalfa" in done.err
    assert shell.run("--json", "sonar").json["error"]["code"] == "usage"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["aks", "x"], "No such command 'aks'. Did you mean 'ask'?", id="a mistyped command"),
        pytest.param(["sonar", "stat"], "Did you mean 'start' or 'status'?", id="a mistyped subcommand"),
        pytest.param(["ask", "x", "--alow-general"], "--allow-general", id="a mistyped option"),
        pytest.param(["ask"], "Missing argument 'QUESTION'", id="a missing argument"),
        pytest.param(["ask", "x", "-n", "0"], "0 is not in the range", id="a value out of range"),
        pytest.param(["ask", "x", "--timeout", "soon"], "'soon' is not a valid float", id="a value of the wrong type"),
        pytest.param(["ask", "x", "--color", "blue"], "'blue' is not one of", id="a wrong choice"),
    ],
)
def test_a_usage_error_says_what_and_where_to_look(shell: Shell, arguments: list[str], said: str) -> None:
    done = shell.call(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: ")
    assert said in done.err
    assert " Fix: amalfa" in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["job", "pipelines", "serve"])
def test_a_command_that_does_not_exist_is_unknown(shell: Shell, name: str) -> None:
    done = shell.call(name)
    assert done.code == 2
    assert f"No such command {name!r}" in done.err


def test_a_usage_error_in_json_goes_to_stdout_with_the_same_code(shell: Shell) -> None:
    done = shell.call("ask", "--json", "--nonsense")
    assert (done.code, done.err) == (2, "")
    assert done.json["ok"] is False
    assert done.json["error"]["code"] == "usage"


def test_json_after_two_dashes_is_a_word_and_no_flag(shell: Shell) -> None:
    assert shell.call("ask", "--nonsense", "--", "--json").err.startswith("Error: ")


@pytest.mark.parametrize(
    "arguments", [["--json", "sonar", "status"], ["sonar", "--json", "status"], ["sonar", "status", "--json"]]
)
def test_global_flags_stand_before_and_after_the_command(shell: Shell, arguments: list[str]) -> None:
    assert shell.call(*arguments).json == {"ok": True, "schema": 1, "data": {"running": False}}


def test_a_flag_after_the_command_wins(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")
    done = shell.run("--config", "/nowhere/x.json", "config", "path", "--config", str(other))
    assert done.out.strip() == str(other.resolve())


def test_without_any_configuration_the_way_to_one_is_named(shell: Shell) -> None:
    (shell.root / "amalfa.config.json").unlink()
    done = shell.call("ask", "x")
    assert done.code == 8
    assert "Fix: amalfa init" in done.err


def test_a_folder_that_was_removed_is_told(shell: Shell) -> None:
    gone = shell.root / "gone"
    gone.mkdir()
    line = f"rmdir {gone}; exec {sys.executable} -m amalfa sonar status"
    environ = shell.environ | {"PYTHONPATH": str(Path(amalfa.__file__).parents[1])}
    done = subprocess.run(["sh", "-c", line], cwd=gone, env=environ, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"does not exist any more" in done.stderr


def test_a_reader_that_left_is_no_error(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/search"] = {"passages": [{"path": "x" * 1000, "text": ""}] * 2000}
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        shell.command("search", "x"),
        stdout=write,
        stderr=subprocess.PIPE,
        cwd=shell.root,
        env=shell.environ,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_behind_the_output_is_told(shell: Shell, sonar: FakeSonar) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            shell.command("search", "x"),
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=shell.root,
            env=shell.environ,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"Error: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("arguments", ["--version", "search x", "ask How?"])
def test_a_closed_standard_output_is_told_and_nothing_is_written_elsewhere(
    shell: Shell, sonar: FakeSonar, arguments: str
) -> None:
    line = f"exec {sys.executable} -m amalfa {arguments} >&- </dev/null"
    done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, cwd=shell.root, env=shell.environ, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: The output cannot be written")
    assert all(path == "/sonar/search" or path == "/sonar/ask" for path, _ in sonar.asked)


def test_all_streams_closed_still_ends_with_a_code(shell: Shell) -> None:
    line = f"exec {sys.executable} -m amalfa sonar status <&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", line], cwd=shell.root, env=shell.environ, check=False)
    assert done.returncode in (1, 3)


def test_ctrl_c_ends_with_130_and_no_traceback(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [("phase", {"text": "searching"}), lambda: sonar.hung_up.wait(10)]
    running = shell.start("ask", "How?")
    while not sonar.asked:
        pass
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=10)
    sonar.hung_up.set()
    assert (running.returncode, out, err.strip()) == (130, b"", b"Interrupted.")


def test_output_that_the_locale_cannot_show_becomes_numbers(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/search"] = {"passages": [{"path": "caf\u00e9.md", "heading": "\u6771"}]}
    done = shell.run("search", "x", LC_ALL="POSIX", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert r"caf\xe9.md" in done.out


def explode(arguments: object) -> None:
    raise ZeroDivisionError("sk-or-v1-0123456789abcdef0123456789abcdef")


def test_what_nobody_expected_is_one_line_and_a_private_log(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "run_program", explode)
    monkeypatch.setenv("AMALFA_HOME", shell.environ["AMALFA_HOME"])
    monkeypatch.delenv("AMALFA_DEBUG", raising=False)
    assert main.run(["ask", "x"]) == 1
    log = Path(shell.environ["AMALFA_HOME"]) / "cli.log"
    said = capsys.readouterr().err
    assert said == f"Error: Something went wrong inside amalfa (ZeroDivisionError). Fix: see {log}, and report it\n"
    assert "ZeroDivisionError" in log.read_text()
    assert "0123456789abcdef" not in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_traceback_is_shown_to_those_who_ask(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "run_program", explode)
    monkeypatch.setenv("AMALFA_HOME", shell.environ["AMALFA_HOME"])
    monkeypatch.setenv("AMALFA_DEBUG", "1")
    assert main.run(["--json", "ask"]) == 1
    seen = capsys.readouterr()
    assert "Traceback" in seen.err
    assert json.loads(seen.out)["error"]["code"] == "internal"


def test_an_unwritable_log_hides_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "run_program", explode)
    monkeypatch.setenv("AMALFA_HOME", "/proc/none")
    monkeypatch.delenv("AMALFA_DEBUG", raising=False)
    assert main.run([]) == 1
    assert "AMALFA_DEBUG=1" in capsys.readouterr().err
