"""The simulators as processes: the line they print, the script they read, how they end."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.upstreams"]


@contextmanager
def running(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A simulator process and the address it printed."""
    with subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:")
            yield process, line.removeprefix("listening on ").strip()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ollama_runs_until_told_to_end(number: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"tiny:1b": ["scripted"]}), "utf-8")
    with running("ollama", "--port", "0", "--models", "tiny:1b", "--script", str(script)) as (process, url):
        body = {"model": "tiny:1b", "messages": [{"role": "user", "content": "hi"}], "stream": False}
        reply = httpx.post(f"{url}/api/chat", json=body, trust_env=False).json()
        process.send_signal(number)
        assert process.wait(5) == 0
    assert reply["message"]["content"] == "scripted"


def test_openrouter_knows_its_keys() -> None:
    with running("openrouter", "--key", "sk-or-v1-mine") as (_process, url):
        statuses = [
            httpx.get(f"{url}/api/v1/key", headers={"Authorization": f"Bearer {key}"}, trust_env=False).status_code
            for key in ("sk-or-v1-mine", "sk-or-v1-other")
        ]
    assert statuses == [200, 401]


def test_anthropic_knows_its_keys() -> None:
    with running("anthropic", "--key", "sk-ant-mine") as (_process, url):
        statuses = [
            httpx.get(
                f"{url}/v1/models", headers={"x-api-key": key, "anthropic-version": "2023-06-01"}, trust_env=False
            ).status_code
            for key in ("sk-ant-mine", "sk-ant-other")
        ]
    assert statuses == [200, 401]


def test_a_bad_script_is_named_and_ends_with_2(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('[{"falt": "reset"}]', "utf-8")
    ended = subprocess.run(
        [*COMMAND, "ollama", "--script", str(script)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "unknown step key 'falt'; did you mean 'fault'?" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_explains_scripts() -> None:
    told = subprocess.run([*COMMAND, "ollama", "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "script format (JSON)" in told
    assert "cut_after:N" in told
