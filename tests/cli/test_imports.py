"""What quick commands may load. Start-up time is spent on imports, and these are the ones that cost."""

import json
import subprocess
import sys

import pytest

from tests.cli.conftest import Shell
from tests.cli.fake_sonar import FakeSonar

HEAVY = {
    *("httpx", "anyio", "asyncio", "rich", "pydantic", "sqlite3", "apsw", "platformdirs", "psutil", "starlette"),
    *("uvicorn", "watchfiles", "http.client", "email", "ssl", "logging", "concurrent", "subprocess", "ruamel"),
    *("markdown_it", "pygments", "jsonschema", "typing_extensions"),
}

PROBE = """
import atexit, json, sys
from amalfa.cli import main
code = main.run(sys.argv[1:])
sys.stderr.write(json.dumps([code, sorted(sys.modules)]))
"""


def loaded_by(shell: Shell, *arguments: str) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        capture_output=True,
        cwd=shell.root,
        env=shell.environ,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    code, names = json.loads(done.stderr.decode().splitlines()[-1])
    return code, set(names)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["sonar", "status"], id="status"),
        pytest.param(["sonar", "status", "--json"], id="status in JSON"),
        pytest.param(["ask", "How?"], id="ask in a pipe"),
        pytest.param(["ask", "How?", "--json"], id="ask in JSON"),
        pytest.param(["search", "x"], id="search"),
        pytest.param(["--help"], id="help"),
        pytest.param(["sonar", "-h"], id="help of a group"),
    ],
)
def test_a_quick_command_loads_nothing_heavy(shell: Shell, sonar: FakeSonar, arguments: list[str]) -> None:
    code, names = loaded_by(shell, *arguments)
    assert code == 0
    assert not names & HEAVY


def test_a_status_of_nobody_is_as_light(shell: Shell) -> None:
    code, names = loaded_by(shell, "sonar", "status")
    assert code == 3
    assert not names & HEAVY


def test_the_version_does_not_even_load_click(shell: Shell) -> None:
    _, names = loaded_by(shell, "--version")
    assert not names & {"click", "socket", "dataclasses", "typing", *HEAVY}


def test_help_loads_no_command(shell: Shell) -> None:
    _, names = loaded_by(shell, "--help")
    assert not [name for name in names if name.startswith("amalfa.cli.commands.")]
