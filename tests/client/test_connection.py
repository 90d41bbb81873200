import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from amalfa.client.connection import SocketConnection, request, stream
from amalfa.client.failures import RemoteError
from amalfa.client.protocol import Connection
from amalfa.errors import NotRunning, OutOfTime, Unreachable
from tests.client.scripted_server import ScriptedServer, read_request, short_folder


def json_reply(body: object, status: str = "200 OK", extra: bytes = b"") -> bytes:
    payload = json.dumps(body).encode()
    return (
        b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
        % (status.encode(), extra, len(payload))
        + payload
    )


SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nX-Amalfa-Config-Problems: 2\r\n\r\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as path:
        yield path


@pytest.fixture
def server(folder: Path) -> Iterator[ScriptedServer]:
    running = ScriptedServer(folder / "s.sock", [lambda peer: None])
    yield running
    running.close()


def test_a_request_sends_json_and_reads_json(server: ScriptedServer) -> None:
    server.answering(json_reply({"ok": True}, extra=b"X-Seen: yes\r\n"))
    reply = request(server.path, "POST", "/sonar/search", {"query": "caf\u00e9"})
    assert (reply.status, reply.body, reply.headers["x-seen"]) == (200, {"ok": True}, "yes")
    head, _, body = server.asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /sonar/search HTTP/1.1\r\nHost: sonar\r\n")
    assert b"Connection: close" in head
    assert json.loads(body) == {"query": "caf\u00e9"}


def test_a_request_without_a_body_sends_none(server: ScriptedServer) -> None:
    server.answering(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
    assert request(server.path, "GET", "/sonar/health").body is None
    assert b"Content-Type" not in server.asked[0]


def test_the_client_keeps_its_side_open_until_it_has_the_reply(server: ScriptedServer) -> None:
    seen: list[bytes] = []

    def script(peer: socket.socket) -> None:
        read_request(peer)
        peer.setblocking(False)
        try:
            seen.append(peer.recv(1))
        except BlockingIOError:
            seen.append(b"still open")
        peer.setblocking(True)
        peer.sendall(json_reply({}))

    server._scripts[:] = [script]
    request(server.path, "GET", "/sonar/health")
    assert seen == [b"still open"]


def test_an_absent_socket_means_not_running(folder: Path) -> None:
    with pytest.raises(NotRunning):
        request(folder / "none.sock", "GET", "/sonar/health")


def test_a_socket_nobody_listens_on_means_not_running(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(folder / "s.sock"))
    with pytest.raises(NotRunning):
        stream(folder / "s.sock", "POST", "/sonar/ask", {})


def test_a_socket_path_that_cannot_be_one_is_not_taken_for_a_stopped_sonar() -> None:
    with pytest.raises(Unreachable, match="cannot be used"):
        request("/tmp/" + "x" * 200, "GET", "/sonar/health")


def test_silence_is_unreachable_after_the_time_given(server: ScriptedServer) -> None:
    hold = threading.Event()
    server._scripts[:] = [lambda peer: bool(hold.wait(10)) and None]
    started = time.monotonic()
    with pytest.raises(Unreachable, match="does not answer"):
        request(server.path, "GET", "/sonar/health", timeout_s=0.1)
    hold.set()
    assert time.monotonic() - started < 2


def test_a_full_backlog_is_unreachable_not_stopped(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s.sock"))
        listener.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for peer in waiting:
            peer.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                peer.connect(str(folder / "s.sock"))
        with pytest.raises(Unreachable):
            request(folder / "s.sock", "GET", "/sonar/health", timeout_s=0.1)
        for peer in waiting:
            peer.close()


def test_a_refusal_keeps_code_message_hint_problems_and_route(server: ScriptedServer) -> None:
    told = {
        "code": "invalid_config",
        "message": "The configuration has 1 problem.",
        "hint": "amalfa config check",
        "problems": [{"path": "amalfa.config.json", "line": 3, "message": "Unknown key."}],
        "route": {"task": "synthesize"},
    }
    server.answering(json_reply({"error": told}, "422 Unprocessable Entity"))
    with pytest.raises(RemoteError) as caught:
        request(server.path, "POST", "/sonar/reload")
    error = caught.value
    assert (error.code, error.exit_code, error.hint) == ("invalid_config", 8, "amalfa config check")
    assert str(error.problems[0]) == "amalfa.config.json:3: Unknown key."
    assert error.route.text("task") == "synthesize"


@pytest.mark.parametrize(
    ("code", "exit_code"), [("timeout", 6), ("busy", 7), ("over_budget", 10), ("from the future", 1)]
)
def test_the_exit_code_follows_from_the_code(server: ScriptedServer, code: str, exit_code: int) -> None:
    server.answering(json_reply({"error": {"code": code, "message": "x"}}, "429 Busy", extra=b"Retry-After: 7\r\n"))
    with pytest.raises(RemoteError) as caught:
        stream(server.path, "POST", "/sonar/ask", {})
    assert (caught.value.exit_code, caught.value.retry_after_s) == (exit_code, 7)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail":"x"}'])
def test_a_refusal_in_another_shape_still_names_the_status(server: ScriptedServer, body: bytes) -> None:
    server.answering(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    with pytest.raises(RemoteError, match="HTTP 408"):
        request(server.path, "GET", "/sonar/health")


def test_an_answer_given_before_the_body_was_read_is_heard(server: ScriptedServer) -> None:
    def script(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(json_reply({"error": {"code": "too_large", "message": "Too big."}}, "413 Too Large"))

    server._scripts[:] = [script]
    with pytest.raises(RemoteError, match="Too big"):
        request(server.path, "POST", "/sonar/ask", {"question": "x" * 5_000_000})


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"SSH-2.0\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", id="no JSON"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000, id="too deep"),
        pytest.param(b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"a', id="cut off"),
        pytest.param(b"", id="closed without a word"),
    ],
)
def test_a_broken_reply_is_unreachable(server: ScriptedServer, reply: bytes) -> None:
    server.answering(reply)
    with pytest.raises(Unreachable):
        request(server.path, "GET", "/sonar/status")


def test_events_arrive_while_the_stream_is_open(server: ScriptedServer) -> None:
    may_go_on = threading.Event()

    def script(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(SSE_HEAD + b'event: delta\ndata: {"text":"a"}\n\n')
        may_go_on.wait(5)
        peer.sendall(b": ping\n\nevent: done\ndata: {}\n\n")

    server._scripts[:] = [script]
    events = stream(server.path, "POST", "/sonar/ask", {"question": "?"})
    assert events.headers["x-amalfa-config-problems"] == "2"
    assert next(events) == ("delta", {"text": "a"})
    may_go_on.set()
    assert list(events) == [("done", {})]


def test_a_stream_that_ends_without_done_is_cut_off_after_what_came(server: ScriptedServer) -> None:
    server.answering(SSE_HEAD + b'event: delta\ndata: {"text":"a"}\n\n')
    events = stream(server.path, "POST", "/sonar/ask", {})
    assert next(events) == ("delta", {"text": "a"})
    with pytest.raises(Unreachable, match="in the middle"):
        next(events)


def test_a_stream_may_end_after_an_error(server: ScriptedServer) -> None:
    server.answering(SSE_HEAD + b'event: error\ndata: {"code":"busy"}\n\n')
    assert list(stream(server.path, "POST", "/sonar/ask", {})) == [("error", {"code": "busy"})]


def test_a_plain_reply_streams_as_output_and_done(server: ScriptedServer) -> None:
    server.answering(json_reply({"answer": "x"}))
    assert list(stream(server.path, "POST", "/sonar/ask", {})) == [("output", {"answer": "x"}), ("done", {})]


def test_the_callers_limit_is_out_of_time_when_sonar_is_alive(server: ScriptedServer) -> None:
    hold = threading.Event()

    def script(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(SSE_HEAD + b": ping\n\n")
        hold.wait(10)

    server._scripts[:] = [script]
    events = stream(server.path, "POST", "/sonar/ask", {}, timeout_s=0.2)
    with pytest.raises(OutOfTime, match="--timeout"):
        next(events)
    hold.set()


def test_closing_a_stream_hangs_up(server: ScriptedServer) -> None:
    gone = threading.Event()

    def script(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(SSE_HEAD + b"event: phase\ndata: {}\n\n")
        if peer.recv(1) == b"":
            gone.set()

    server._scripts[:] = [script]
    with stream(server.path, "POST", "/sonar/ask", {}) as events:
        next(events)
    assert gone.wait(5)


def test_another_thread_may_hang_up_on_a_stream_that_waits(server: ScriptedServer) -> None:
    gone = threading.Event()

    def script(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(SSE_HEAD + b"event: phase\ndata: {}\n\n")
        if peer.recv(1) == b"":
            gone.set()

    server._scripts[:] = [script]
    with stream(server.path, "POST", "/sonar/ask", {}) as events:
        next(events)
        other = threading.Timer(0.05, events.hang_up)
        other.start()
        with pytest.raises(Unreachable, match="went away"):
            next(events)
        other.join()
    events.hang_up()  # once more, when all is over
    assert gone.wait(5)


def test_a_socket_connection_speaks_the_protocol(server: ScriptedServer) -> None:
    server.answering(json_reply([1]))
    connection: Connection = SocketConnection(server.path)
    assert connection.request("GET", "/x").body == [1]
    assert list(connection.stream("POST", "/x", {})) == [("output", [1]), ("done", {})]


def test_lone_surrogates_of_a_command_line_do_not_stop_a_request(server: ScriptedServer) -> None:
    server.answering(json_reply({}))
    request(server.path, "POST", "/x", {"query": os.fsdecode(b"caf\xe9")})
    assert json.loads(server.asked[0].partition(b"\r\n\r\n")[2]) == {"query": "caf?"}


def test_importing_the_client_loads_nothing_heavy() -> None:
    heavy = "typing asyncio ssl http.client email urllib.request click dataclasses inspect httpx pydantic"
    code = f"import sys, amalfa.client.connection; print([name for name in {heavy.split()!r} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
