import shutil
import subprocess
import time

import pytest

from tests.cli.conftest import Shell
from tests.cli.fake_sonar import FakeSonar


def complete(shell: Shell, line: str) -> list[str]:
    words = line.split(" ")
    environ = {"_AMALFA_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return [row.partition(",")[2] for row in shell.run(**environ).out.splitlines() if row]


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_the_script_is_printed_and_names_amalfa(shell: Shell, kind: str) -> None:
    done = shell.run("completion", kind)
    assert done.code == 0
    assert "_AMALFA_COMPLETE" in done.out
    assert shell.run("completion", kind, "--json").json["data"]["script"].strip() == done.out.strip()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_reads_the_script(shell: Shell) -> None:
    subprocess.run(["bash", "-n"], input=shell.run("completion", "bash").out.encode(), check=True)


def test_commands_and_flags_are_completed(shell: Shell) -> None:
    assert complete(shell, "amalfa s") == ["search", "snippet", "synthesize", "sonar"]
    assert complete(shell, "amalfa sonar re") == ["restart", "reload"]
    assert "--allow-general" in complete(shell, "amalfa ask --al")


def test_models_come_from_a_running_sonar(shell: Shell, sonar: FakeSonar) -> None:
    assert complete(shell, "amalfa ask -m oll") == ["ollama:qwen2.5:1.5b"]


def test_without_sonar_no_model_is_offered_and_none_is_started(shell: Shell) -> None:
    del shell.environ["AMALFA_NO_AUTOSTART"]
    assert complete(shell, "amalfa ask -m ") == []
    assert shell.run("sonar", "status").code == 3


@pytest.mark.usefixtures("deaf_sonar")
def test_a_sonar_that_does_not_answer_keeps_no_shell_waiting(shell: Shell) -> None:
    started = time.monotonic()
    assert complete(shell, "amalfa ask -m ") == []
    assert time.monotonic() - started < 2


def test_outside_a_project_nothing_breaks(shell: Shell) -> None:
    (shell.root / "amalfa.config.json").unlink()
    assert complete(shell, "amalfa ask -m ") == []


def test_the_shell_completes_paths_itself(shell: Shell) -> None:
    environ = {"_AMALFA_COMPLETE": "bash_complete", "COMP_WORDS": "amalfa ask --in do", "COMP_CWORD": "3"}
    assert shell.run(**environ).out == "file,do\n"
