"""What `ask` makes of standard input."""

import os
import subprocess
import time
from pathlib import Path

from tests.cli.conftest import Shell, Terminal
from tests.cli.fake_sonar import FakeSonar


def test_piped_text_is_brought_along(shell: Shell, sonar: FakeSonar) -> None:
    shell.run("ask", "What breaks?", stdin="diff --git a b\n")
    assert sonar.last_body == {"question": "What breaks?", "context": "diff --git a b", "stream": True}


def test_a_dash_waits_for_slow_text(shell: Shell, sonar: FakeSonar) -> None:
    line = f"(sleep 0.6; echo late) | {' '.join(shell.command('ask', 'What?', '-'))}"
    subprocess.run(["sh", "-c", line], cwd=shell.root, env=shell.environ, capture_output=True, check=True)
    assert sonar.last_body["context"] == "late"


def test_an_idle_pipe_never_hangs(shell: Shell, sonar: FakeSonar) -> None:
    read, write = os.pipe()
    started = time.monotonic()
    with os.fdopen(read, "rb") as idle:
        done = shell.run("ask", "How?", stdin=idle)
    os.close(write)
    assert done.code == 0
    assert time.monotonic() - started < 5
    assert "context" not in sonar.last_body


def test_a_file_is_read_and_dev_null_is_nothing(shell: Shell, sonar: FakeSonar, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("from a file")
    with (tmp_path / "x").open("rb") as file:
        shell.run("ask", "How?", stdin=file)
    assert sonar.last_body["context"] == "from a file"
    with Path(os.devnull).open("rb") as nothing:
        shell.run("ask", "How?", stdin=nothing)
    assert "context" not in sonar.last_body


def test_a_question_of_a_dash_is_read(shell: Shell, sonar: FakeSonar) -> None:
    shell.run("ask", "-", stdin="How do\nI?\n")
    assert sonar.last_body == {"question": "How do\nI?", "stream": True}


def test_standard_input_is_not_used_twice(shell: Shell) -> None:
    assert shell.run("ask", "-", "-", stdin="x").code == 2


def test_a_closed_standard_input_is_no_context(shell: Shell, sonar: FakeSonar) -> None:
    line = f"exec {' '.join(shell.command('ask', 'How?'))} <&-"
    done = subprocess.run(["sh", "-c", line], cwd=shell.root, env=shell.environ, capture_output=True, check=False)
    assert done.returncode == 0
    assert "context" not in sonar.last_body


def test_a_person_is_told_what_is_waited_for(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    terminal = shell.terminal("ask", "How?", "-")
    terminals.append(terminal)
    terminal.wait_for("Reading standard input; Ctrl-D ends it.")
    terminal.type("typed\n\x04")
    assert terminal.finish() == 0
    assert sonar.last_body["context"] == "typed"
