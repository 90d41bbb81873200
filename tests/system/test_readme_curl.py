"""What README.md and the examples say to programs is run as it stands: by a shell, by curl, by the official clients."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.system.callers import free_port
from tests.system.harness import PATIENCE_S, REPOSITORY, Home, new_home
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

MODEL = "qwen2.5:1.5b"
FACT = "Ada is on call this week."
EXAMPLES = REPOSITORY / "examples"

pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq, as what is tested does"
)


@dataclass(frozen=True, slots=True)
class Desk:
    """A project with an open port, and a shell in it that finds `amalfa`."""

    home: Home
    ollama: InThread[OllamaSimulator]
    port: int

    def run(self, *command: str) -> str:
        """Run to the end; what was printed. Fails when the command does."""
        ran = subprocess.run(
            command,
            cwd=self.home.root,
            env={**self.home.environ, "PATH": f"{self.home.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with new_home() as home, running_in_thread(OllamaSimulator(models=[MODEL])) as ollama:
        port = free_port()
        home.write_config({"sonar": {"host": f"127.0.0.1:{ollama.port}", "http": {"enabled": True, "port": port}}})
        home.write_note("duty.md", f"# On call\n\n{FACT}\n")
        _install(home)
        home.start()
        yield Desk(home, ollama, port)


def _install(home: Home) -> None:
    """Put `amalfa` where a shell of the desk finds it."""
    command = home.folder / "bin" / "amalfa"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m amalfa "$@"\n')
    command.chmod(0o755)


def _blocks(heading: str) -> list[str]:
    """The shell blocks of README.md below a heading."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^### {re.escape(heading)}$(.*?)(?=^#)", text, re.DOTALL | re.MULTILINE)
    assert found, heading
    return re.findall(r"^```sh\n(.*?)^```$", found[1], re.DOTALL | re.MULTILINE)


def test_the_curl_lines_of_the_readme_do_what_it_says(desk: Desk) -> None:
    on_socket, on_port = _blocks("With curl")
    desk.ollama.simulator.script(MODEL, f"{FACT} [1]")
    said = desk.run("sh", "-euc", on_socket)
    assert '"ok":true' in said
    assert FACT in said
    desk.ollama.simulator.script(MODEL, "Hello from here.")
    assert "3012" in on_port
    said = desk.run("sh", "-euc", on_port.replace("3012", str(desk.port)))
    assert f'"url":"http://127.0.0.1:{desk.port}"' in said
    assert "Hello from here." in said


def test_the_script_for_curl_runs_as_it_is(desk: Desk) -> None:
    desk.ollama.simulator.script(MODEL, f"{FACT} [1]", f"{FACT} [1]")
    said = desk.run("sh", str(EXAMPLES / "curl.sh"))
    assert said.count(FACT) >= 2
    assert "event: done" in said
    first, second = re.findall(r'^"(req_\w+)"$', said, re.MULTILINE)
    assert first == second
    assert "the TCP port is off" not in said


@pytest.mark.parametrize("client", ["openai", "ollama"])
def test_the_example_of_an_official_client_runs_as_it_is(desk: Desk, client: str) -> None:
    pytest.importorskip(client)
    desk.ollama.simulator.clear_script()
    desk.ollama.simulator.script(MODEL, then="Hello from here.")
    said = desk.run(sys.executable, str(EXAMPLES / f"{client}_client.py"))
    assert "from the notes: " in said
    assert "streamed: Hello from here." in said
    assert desk.home.cli("sonar", "token").stdout.strip() not in said


def test_an_example_without_the_port_says_how_to_open_it(home: Home) -> None:
    _install(home)
    home.start()
    desk = Desk(home, None, 0)  # type: ignore[arg-type]  # no model server is needed
    for client in ("openai", "ollama"):
        pytest.importorskip(client)
        with pytest.raises(AssertionError, match=r"Fix: amalfa config set sonar\.http\.enabled true"):
            desk.run(sys.executable, str(EXAMPLES / f"{client}_client.py"))
