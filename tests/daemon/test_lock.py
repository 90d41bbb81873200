import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from amalfa.daemon.lock import is_held, read_note, take_lock, wait_until_free
from amalfa.errors import AmalfaError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sonar.lock"


def test_one_holder_at_a_time(path: Path) -> None:
    first = take_lock(path)
    assert first is not None
    assert take_lock(path) is None
    first.release()
    second = take_lock(path)
    assert second is not None
    second.release()


def test_the_file_is_private_and_stays_when_the_lock_is_released(path: Path) -> None:
    lock = take_lock(path)
    assert lock is not None
    lock.release()
    assert path.stat().st_mode & 0o777 == 0o600
    lock.release()


def test_an_absent_file_is_held_by_nobody_and_looking_does_not_create_it(path: Path) -> None:
    assert not is_held(path)
    assert read_note(path) == ""
    assert not path.exists()


def test_looking_tells_whether_it_is_held_and_takes_nothing(path: Path) -> None:
    lock = take_lock(path)
    assert lock is not None
    assert is_held(path)
    lock.release()
    assert not is_held(path)
    again = take_lock(path)
    assert again is not None
    again.release()


def test_a_killed_holder_holds_nothing(path: Path) -> None:
    """Lifecycle 3"""
    code = (
        "import pathlib, sys\n"
        "from amalfa.daemon.lock import take_lock\n"
        "lock = take_lock(pathlib.Path(sys.argv[1]))\n"
        "print('held', flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert is_held(path)
        holder.kill()
    assert not is_held(path)
    assert take_lock(path) is not None


def test_waiting_takes_the_lock_as_soon_as_it_is_free(path: Path) -> None:
    first = take_lock(path)
    assert first is not None
    threading.Timer(0.1, first.release).start()
    began_s = time.monotonic()
    second = take_lock(path, wait_s=5)
    assert second is not None
    assert time.monotonic() - began_s < 2
    second.release()


def test_waiting_for_a_lock_that_stays_taken_ends(path: Path) -> None:
    lock = take_lock(path)
    assert lock is not None
    assert take_lock(path, wait_s=0.1) is None
    assert not wait_until_free(path, timeout_s=0.1)
    lock.release()
    assert wait_until_free(path, timeout_s=0.1)


def test_the_holder_can_leave_a_note(path: Path) -> None:
    lock = take_lock(path)
    assert lock is not None
    lock.note("4711 a longer note")
    lock.note("4712 short")
    assert read_note(path) == "4712 short"
    lock.release()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_lock_file_that_was_removed_or_replaced_is_noticed(path: Path, replaced: bool) -> None:
    """Lifecycle 4"""
    lock = take_lock(path)
    assert lock is not None
    assert lock.is_in_place()
    path.unlink()
    if replaced:
        path.write_text("")
    assert not lock.is_in_place()
    lock.release()


def test_a_link_in_the_place_of_the_lock_is_refused_and_its_target_left_alone(path: Path) -> None:
    """H4"""
    victim = path.with_name("victim")
    victim.write_text("precious")
    path.symlink_to(victim)
    with pytest.raises(AmalfaError, match="is a link"):
        take_lock(path)
    assert victim.read_text() == "precious"


def test_what_is_no_plain_file_is_refused(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(AmalfaError, match="not a plain file"):
        take_lock(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(AmalfaError, match="cannot be used"):
        take_lock(path)
