import os
import socket
from pathlib import Path

import pytest

from amalfa.daemon.systemd import FIRST_PASSED_FD, Supervisor, take_passed_descriptor


def test_a_socket_for_this_process_is_taken_once() -> None:
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "sonar", "X": "1"}
    assert take_passed_descriptor(environ) == FIRST_PASSED_FD
    assert environ == {"X": "1"}
    assert take_passed_descriptor(environ) is None


@pytest.mark.parametrize(
    "environ", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"}]
)
def test_a_socket_for_somebody_else_is_left_alone(environ: dict[str, str]) -> None:
    assert take_passed_descriptor(environ) is None


@pytest.mark.parametrize("is_abstract", [False, True])
def test_messages_reach_the_supervisor(short_folder: Path, is_abstract: bool) -> None:
    name = f"\0amalfa-test-{os.getpid()}" if is_abstract else str(short_folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor_side:
        supervisor_side.bind(name)
        supervisor_side.settimeout(5)
        environ = {"NOTIFY_SOCKET": name.replace("\0", "@"), "WATCHDOG_USEC": "30000000"}
        supervisor = Supervisor(environ)
        assert environ == {}
        assert supervisor.wants_heartbeat
        supervisor.tell("READY=1", "STATUS=serving")
        assert supervisor_side.recv(100) == b"READY=1\nSTATUS=serving"
        supervisor.tell_reloading()
        assert supervisor_side.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "x"}])
def test_without_a_supervisor_nothing_happens(environ: dict[str, str]) -> None:
    supervisor = Supervisor(environ)
    assert not supervisor.wants_heartbeat
    supervisor.tell("READY=1")
