import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amalfa.daemon.identity import ProcessIdentity, boot_id, open_process, own_identity, start_time_of


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def identity_of(pid: int) -> ProcessIdentity:
    return ProcessIdentity(pid=pid, start_time=start_time_of(pid) or "", boot_id=boot_id())


def test_this_process_has_one_identity() -> None:
    assert own_identity() == identity_of(os.getpid())
    assert own_identity().start_time


def test_a_signal_reaches_the_process_that_was_meant(sleeper: "subprocess.Popen[bytes]") -> None:
    with open_process(identity_of(sleeper.pid)) as process:
        assert process is not None
        process.send(signal.SIGTERM)
    assert sleeper.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("changed", [{"start_time": "1"}, {"start_time": ""}, {"boot_id": "another boot"}])
def test_a_pid_that_belongs_to_somebody_else_now_is_not_opened(
    sleeper: "subprocess.Popen[bytes]", changed: dict[str, str]
) -> None:
    """Lifecycle 19, D6"""
    stale = dataclasses.replace(identity_of(sleeper.pid), **changed)
    with open_process(stale) as process:
        assert process is None
    assert sleeper.poll() is None


def test_a_process_that_ended_is_not_opened_and_a_late_signal_is_no_error(sleeper: "subprocess.Popen[bytes]") -> None:
    identity = identity_of(sleeper.pid)
    with open_process(identity) as process:
        assert process is not None
        sleeper.kill()
        sleeper.wait(10)
        process.send(signal.SIGTERM)
    with open_process(identity) as process:
        assert process is None


def test_a_command_name_with_spaces_and_parentheses_does_not_confuse_the_start_time(tmp_path: Path) -> None:
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to(sys.executable)
    with subprocess.Popen([odd, "-S", "-c", "import time; time.sleep(60)"]) as process:
        assert (start_time_of(process.pid) or "").isdecimal()
        process.kill()


def test_nobody_has_no_start_time() -> None:
    assert start_time_of(2**22 + 1) is None
