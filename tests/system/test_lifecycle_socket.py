"""The socket of a real sonar: private, findable, patient only up to a point. The numbers are rows of the checklist."""

import json
import os
import random
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from amalfa.client.connection import request
from amalfa.daemon.listener import substitute_socket
from amalfa.errors import AmalfaError
from amalfa.paths import SOCKET_PATH_MAX_BYTES
from tests.system.harness import PATIENCE_S, Home, new_home, rounds, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import running_in_thread


def mode_of(path: Path) -> int:
    return path.lstat().st_mode & 0o777


@contextmanager
def dialled(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(PATIENCE_S)
        caller.connect(str(path))
        yield caller


def told(caller: socket.socket) -> bytes:
    """Everything until sonar closes; a reset counts as closing."""
    received = b""
    try:
        while piece := caller.recv(65_536):
            received += piece
    except ConnectionError:
        pass
    return received


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_everything_sonar_keeps_is_closed_to_others(home: Home, mask: int) -> None:
    """23, H1"""
    previous = os.umask(mask)
    try:
        home.start()
        assert home.cli("ask", "How is the kettle descaled?").returncode == 0
    finally:
        os.umask(previous)
    for path in (home.places.folder, *home.places.folder.rglob("*")):
        assert mode_of(path) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(home: Home) -> None:
    """23, H3"""
    home.places.folder.mkdir(parents=True)
    os.chown(home.places.folder, 65534, 65534)
    started = home.cli("sonar", "start")
    assert started.returncode == 1
    assert "belongs to another user" in started.stderr
    assert "AMALFA_HOME" in started.stderr


def test_a_folder_that_is_a_link_is_refused(home: Home) -> None:
    """23, H3"""
    elsewhere = home.folder / "elsewhere"
    elsewhere.mkdir()
    home.places.folder.parent.mkdir(parents=True)
    home.places.folder.symlink_to(elsewhere)
    started = home.cli("sonar", "start")
    assert started.returncode == 1
    assert "is not a folder" in started.stderr
    assert list(elsewhere.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as somebody else")
def test_another_user_is_cut_off_even_where_the_files_let_him_in(home: Home) -> None:
    """24, H2"""
    home.use_stand_in()
    home.start()
    for place in (home.folder, home.state_folder, home.places.folder, home.places.socket):
        place.chmod(0o777)
    code = (
        "import os, socket, sys\n"
        "os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "try:\n"
        "    s.sendall(b'GET /sonar/health HTTP/1.1\\r\\n\\r\\n'); print(s.recv(100))\n"
        "except OSError:\n"
        "    print(b'')\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(home.places.socket)], capture_output=True, check=True)
    assert ran.stdout.strip() == b"b''"
    wait_until(lambda: '"peer_uid": 65534' in home.log_text)


@pytest.mark.parametrize("name", ["d" * 150, "with spaces and ü" * 4, "project"])
def test_long_and_odd_paths_work(name: str) -> None:
    """25"""
    with new_home() as home:
        home.use_stand_in()
        root = home.folder / name
        home.root.rename(root)
        home.root = root
        home.environ["AMALFA_HOME"] = str(home.folder / (name[::-1] if name != "project" else "h" * 150))
        assert len(os.fsencode(home.places.socket)) <= SOCKET_PATH_MAX_BYTES
        pid = home.start()
        assert home.places.socket.is_socket()
        assert (mode_of(home.places.socket), mode_of(home.places.socket.parent)) == (0o600, 0o700)
        assert f"(pid {pid}," in home.cli("sonar", "start").stdout
        assert home.cli("sonar", "stop").returncode == 0
        assert not home.places.socket.exists()


@pytest.mark.parametrize("refused", ["bind", "chmod"])
def test_a_filesystem_that_refuses_sockets_or_modes_is_lived_with(home: Home, refused: str) -> None:
    """27: both sides find the substitute"""
    home.use_stand_in()
    with (home.folder / "site" / "sitecustomize.py").open("a") as site:
        site.write(_REFUSALS[refused].format(folder=str(home.places.folder)))
    if refused == "chmod":
        home.places.folder.mkdir(parents=True)
        home.places.folder.chmod(0o755)
    pid = home.start()
    assert not home.places.socket.exists()
    assert home.state is not None
    assert Path(home.state.socket) == substitute_socket(home.places.folder)
    assert mode_of(substitute_socket(home.places.folder)) == 0o600
    assert home.json("sonar", "status")["pid"] == pid
    assert home.cli("sonar", "stop").returncode == 0
    assert not substitute_socket(home.places.folder).exists()


_REFUSALS = {
    "bind": """
import errno, os, socket
real_bind = socket.socket.bind

def bind(self, address):
    if str(address).startswith({folder!r}):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    return real_bind(self, address)

socket.socket.bind = bind
""",
    "chmod": """
import errno, os, pathlib
real_chmod = pathlib.Path.chmod

def chmod(self, *arguments, **options):
    if str(self) == {folder!r}:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    return real_chmod(self, *arguments, **options)

pathlib.Path.chmod = chmod
""",
}


def test_abuse_is_cut_off_and_sonar_lives_on(home: Home) -> None:
    """28: half a head, a huge body, broken JSON, noise"""
    home.use_stand_in()
    pid = home.start()
    path = home.places.socket
    head = "POST /work HTTP/1.1\r\nHost: sonar\r\nContent-Type: application/json\r\n"
    with dialled(path) as slow, dialled(path) as silent, dialled(path) as huge:
        began_s = time.monotonic()
        slow.sendall(b"GET /sonar/hea")
        huge.sendall(f"{head}Content-Length: 50000000\r\n\r\n".encode())
        assert told(huge).startswith(b"HTTP/1.1 413 ")
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        for _ in range(rounds(40)):
            body = bytearray(json.dumps({"s": False, "text": "ü" * 5}).encode())
            body[chance.randrange(len(body))] = chance.randrange(256)
            with dialled(path) as caller:
                request_head = f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                caller.sendall(request_head.encode() + body)
                assert told(caller)[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 400", b"HTTP/1.1 500"), seed
        for _ in range(rounds(40)):
            with dialled(path) as caller:
                caller.sendall(chance.randbytes(100) + b"\r\n\r\n")
        assert told(slow).startswith(b"HTTP/1.1 408 ")
        assert told(silent).startswith(b"HTTP/1.1 408 ")
        assert 4 < time.monotonic() - began_s < 8
    assert home.json("sonar", "status")["pid"] == pid


def test_a_flood_is_queued_up_to_a_bound_and_then_told_to_wait(home: Home) -> None:
    """29, F14: 2,000 clients"""
    home.use_stand_in()
    pid = home.start()
    count = max(700, rounds(0))
    _allow_open_files(count + 100)
    body = b'{"s": 30}'
    head = (
        f"POST /work HTTP/1.1\r\nHost: sonar\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    callers = []
    for _ in range(count):
        caller = socket.socket(socket.AF_UNIX)
        caller.connect(str(home.places.socket))
        caller.sendall(head.encode() + body)
        callers.append(caller)
    began_s = time.monotonic()
    assert request(home.places.socket, "GET", "/sonar/status").status == 200
    assert time.monotonic() - began_s < 2
    most = 48 + 384  # what one caller may have at work and in the queue
    wait_until(lambda: len(_readable(callers)) >= count - most)
    refused = _readable(callers)
    assert len(refused) == count - most
    replies = [caller.recv(1000) for caller in refused]
    assert all(reply.startswith(b"HTTP/1.1 429 ") and b"retry-after: " in reply for reply in replies)
    assert request(home.places.socket, "GET", "/sonar/health").status == 200
    for caller in callers:
        caller.close()
    wait_until(lambda: _works(home))
    assert home.lives_as(pid)


def test_a_sonar_with_few_descriptors_turns_callers_away_and_recovers(home: Home) -> None:
    """G1"""
    home.use_stand_in(then="import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))")
    home.start()
    callers = []
    for _ in range(90):
        caller = socket.socket(socket.AF_UNIX)
        caller.settimeout(5)
        caller.connect(str(home.places.socket))
        callers.append(caller)
    time.sleep(0.3)
    for caller in callers:
        caller.close()
    assert request(home.places.socket, "GET", "/sonar/health", timeout_s=5).status == 200
    assert len(home.log_text.splitlines()) < 50


@pytest.mark.parametrize("name", ["sonar.lock", "startup.lock", "sonar.json", "logs/sonar.log"])
def test_a_link_in_the_place_of_a_file_of_sonars_harms_nobody(home: Home, name: str) -> None:
    """23, H4"""
    home.use_stand_in()
    place = home.places.folder / name
    place.parent.mkdir(parents=True)
    victim = home.folder / "victim"
    victim.write_text("precious")
    place.symlink_to(victim)
    started = home.cli("sonar", "start")
    if name == "sonar.json":
        assert started.returncode == 0
    else:
        assert (started.returncode, "is a link" in started.stderr) == (1, True), started.stderr
        assert f"Fix: mv {place}" in started.stderr
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(("Authorization: Bearer {token}",), 200, id="the token"),
        pytest.param((), 401, id="no token"),
        pytest.param(("Authorization: Bearer wrong",), 401, id="a wrong token"),
        pytest.param(("Authorization: Bearer {token}", "Origin: https://evil.test"), 403, id="a foreign page"),
        pytest.param(("Authorization: Bearer {token}", "Origin: null"), 403, id="a local file"),
        pytest.param(("Authorization: Bearer {token}", "Host: evil.test"), 403, id="a rebound name"),
    ],
)
def test_the_tcp_port_serves_only_who_shows_the_token(
    with_port: tuple[Home, int], headers: tuple[str, ...], status: int
) -> None:
    """30, H10, H11"""
    home, port = with_port
    token = (home.places.folder / "http.token").read_text().strip()
    lines = [header.format(token=token) for header in headers]
    if not any(line.startswith("Host:") for line in lines):
        lines.append(f"Host: 127.0.0.1:{port}")
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall("\r\n".join(["GET /sonar/health HTTP/1.1", "Connection: close", *lines, "", ""]).encode())
        assert told(caller).startswith(f"HTTP/1.1 {status} ".encode())
    assert mode_of(home.places.folder / "http.token") == 0o600
    assert token not in home.log_text


@pytest.fixture(scope="module")
def with_port() -> Iterator[tuple[Home, int]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with new_home() as home:
        home.use_stand_in(port=port)
        home.start()
        yield home, port


def test_a_question_from_a_busy_queue_is_answered_by_the_real_engine(home: Home) -> None:
    """29: the engine behind the queue sees no more than the queue lets through"""
    with running_in_thread(OllamaSimulator()) as ollama:
        home.write_config({"sonar": {"host": f"127.0.0.1:{ollama.port}"}})
        home.start()
        asking = [home.spawn("ask", "How is the kettle descaled?", "--json") for _ in range(rounds(6))]
        for client in asking:
            out, err = client.communicate(timeout=60)
            assert client.returncode == 0, err
            assert json.loads(out)["data"]["answer"]


def _readable(callers: list[socket.socket]) -> list[socket.socket]:
    poll = select.poll()
    by_descriptor = {caller.fileno(): caller for caller in callers}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.POLLIN)
    return [by_descriptor[descriptor] for descriptor, _ in poll.poll(0)]


def _works(home: Home) -> bool:
    try:
        return request(home.places.socket, "POST", "/work", {"s": 0}).status == 200
    except AmalfaError:
        return False


def _allow_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
