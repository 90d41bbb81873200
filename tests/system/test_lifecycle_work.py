"""Questions to a real sonar over real sockets. The numbers are rows of the lifecycle checklist."""

import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from amalfa.client.connection import request
from tests.system.harness import Home, ended, is_alive, rounds, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

ASK = ("ask", "How is the kettle descaled?")
SLOW = {"text": "word " * 300, "token_ms": 100}


@pytest.fixture
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator()) as one:
        yield one


@pytest.fixture
def served(home: Home, ollama: InThread[OllamaSimulator]) -> Home:
    home.write_config({"sonar": {"host": f"127.0.0.1:{ollama.port}", "model": "qwen2.5:1.5b"}})
    home.start()
    return home


def test_a_client_that_is_killed_ends_the_call_upstream(served: Home, ollama: InThread[OllamaSimulator]) -> None:
    """31, B13: in the middle of the stream"""
    ollama.simulator.script("*", then=SLOW)
    asking = served.spawn(*ASK)
    wait_until(lambda: ollama.simulator.requests_to("/api/chat"))
    time.sleep(0.5)
    asking.kill()
    asking.communicate()
    wait_until(lambda: ollama.simulator.disconnects, patience_s=1)
    assert ollama.simulator.disconnects[0].path == "/api/chat"
    ollama.simulator.clear_script()
    assert served.cli(*ASK).returncode == 0


def test_a_caller_that_hangs_up_while_waiting_for_a_whole_answer_ends_the_call_too(
    served: Home, ollama: InThread[OllamaSimulator]
) -> None:
    """31: not streamed"""
    ollama.simulator.script("*", then=SLOW)
    body = json.dumps({"question": ASK[1]}).encode()
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(served.places.socket))
        head = "POST /sonar/ask HTTP/1.1\r\nHost: sonar\r\nContent-Type: application/json\r\n"
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        wait_until(lambda: ollama.simulator.requests_to("/api/chat"))
        time.sleep(0.3)
    wait_until(lambda: ollama.simulator.disconnects, patience_s=1)


def test_ctrl_c_is_130_without_a_traceback_and_sonar_lives_on(served: Home, ollama: InThread[OllamaSimulator]) -> None:
    """32: on a terminal"""
    ollama.simulator.script("*", then=SLOW)
    pid = served.pid
    ours, theirs = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "amalfa", *ASK],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**served.environ, "TERM": "xterm"},
        cwd=served.root,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    wait_until(lambda: ollama.simulator.requests_to("/api/chat"))
    time.sleep(0.5)
    os.write(ours, b"\x03")
    seen = _everything(ours)
    assert asking.wait(10) == 130, seen
    assert "Traceback" not in seen
    assert is_alive(pid)
    wait_until(lambda: ollama.simulator.disconnects, patience_s=1)


def test_ctrl_c_in_a_pipe_is_130_too(served: Home, ollama: InThread[OllamaSimulator]) -> None:
    """32"""
    ollama.simulator.script("*", then=SLOW)
    asking = served.spawn(*ASK)
    wait_until(lambda: ollama.simulator.requests_to("/api/chat"))
    asking.send_signal(signal.SIGINT)
    code, _, err = ended(asking)
    assert (code, "Traceback" in err) == (130, False)


@pytest.mark.parametrize("fault", ["hang", "stall_after:2"])
def test_a_deadline_holds_however_the_upstream_stalls(
    served: Home, ollama: InThread[OllamaSimulator], fault: str
) -> None:
    """33"""
    ollama.simulator.script("/api/chat", then={"fault": fault})
    began_s = time.monotonic()
    asked = served.cli(*ASK, "--timeout", "2", "-m", "ollama:qwen2.5:1.5b")
    assert time.monotonic() - began_s < 5
    assert asked.returncode in (5, 6) or "embedded:extractive" in asked.stderr + asked.stdout, asked.stderr
    wait_until(lambda: ollama.simulator.disconnects, patience_s=2)
    assert request(served.places.socket, "GET", "/sonar/health").status == 200


def test_many_questions_at_once_are_all_answered_and_all_counted(
    served: Home, ollama: InThread[OllamaSimulator]
) -> None:
    """37: 50 clients on one database"""
    count = rounds(8)
    asking = [served.spawn(*ASK, "--json") for _ in range(count)]
    for client in asking:
        code, out, err = ended(client, patience_s=120)
        assert code == 0, err
        assert json.loads(out)["data"]["answer"]
    status = request(served.places.socket, "GET", "/sonar/status").body
    assert isinstance(status, dict)
    assert status["usage_today"]["calls"] >= count
    assert "BusyError" not in served.log_text
    assert "locked" not in served.log_text


@pytest.mark.parametrize("empty", [{"text": ""}, {"text": "   \n"}], ids=["nothing", "blank"])
def test_an_empty_answer_never_exits_0_with_nothing_to_show(
    served: Home, ollama: InThread[OllamaSimulator], empty: dict[str, str]
) -> None:
    """60"""
    ollama.simulator.script("/api/chat", then=empty)
    asked = served.cli(*ASK, "--json")
    answer = json.loads(asked.stdout)
    if asked.returncode == 0:
        assert answer["data"]["answer"].strip()
    else:
        assert answer["ok"] is False
    forced = served.cli(*ASK, "-m", "ollama:qwen2.5:1.5b")
    assert forced.returncode != 0 or forced.stdout.strip()


def _take_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl-C in it becomes a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _everything(terminal: int) -> str:
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # the other side has been closed
            break
        if not piece:
            break
        seen += piece
    os.close(terminal)
    return seen.decode(errors="replace")
