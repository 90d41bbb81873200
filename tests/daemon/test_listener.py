import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from amalfa.daemon import listener as listener_module
from amalfa.daemon.listener import (
    Listener,
    adopt,
    bind_loopback,
    bind_private,
    listen_privately,
    occupant_of,
    substitute_socket,
)
from amalfa.errors import AmalfaError, UsageProblem
from amalfa.paths import SOCKET_PATH_MAX_BYTES


@pytest.fixture
def path(short_folder: Path) -> Path:
    return short_folder / "private" / "sonar.sock"


@contextmanager
def listening(path: Path) -> Iterator[Listener]:
    listener = bind_private(path)
    try:
        yield listener
    finally:
        listener.socket.close()


@contextmanager
def umask(mask: int) -> Iterator[None]:
    previous = os.umask(mask)
    try:
        yield
    finally:
        os.umask(previous)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_socket_is_private_under_any_umask(path: Path, mask: int) -> None:
    """H1, lifecycle 23"""
    with umask(mask), listening(path):
        assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
        assert os.umask(mask) == mask


def test_there_is_no_moment_at_which_the_socket_is_open_to_others(path: Path) -> None:
    """H1"""
    seen: set[int] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                seen.update(entry.lstat().st_mode & 0o777 for entry in path.parent.iterdir())
            except FileNotFoundError:
                continue

    onlooker = threading.Thread(target=look)
    onlooker.start()
    with umask(0):
        for _ in range(200):
            with listening(path):
                pass
            path.unlink()
    over.set()
    onlooker.join()
    assert seen <= {0o600}


def test_a_dead_socket_is_replaced(path: Path) -> None:
    """Lifecycle 7, D5"""
    with listening(path):
        pass
    assert occupant_of(path) == "dead socket"
    with listening(path) as listener:
        assert occupant_of(path) == "live socket"
        assert listener.is_in_place()


def test_a_live_socket_is_never_taken(path: Path) -> None:
    """Lifecycle 6"""
    with listening(path) as listener:
        with pytest.raises(AmalfaError, match="Another process listens"):
            bind_private(path)
        assert listener.is_in_place()
        assert [entry.name for entry in path.parent.iterdir()] == ["sonar.sock"]


def test_a_live_socket_with_a_full_backlog_is_never_taken(path: Path) -> None:
    with listening(path) as listener:
        listener.socket.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for caller in waiting:
            caller.setblocking(False)
            caller.connect_ex(str(path))
        assert occupant_of(path) == "live socket"
        for caller in waiting:
            caller.close()


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "folder"])
def test_what_is_no_socket_is_refused_and_left_alone(path: Path, kind: str) -> None:
    """Lifecycle 8, H4"""
    path.parent.mkdir(mode=0o700)
    victim = path.with_name("victim")
    victim.write_text("precious")
    match kind:
        case "file":
            path.write_text("precious")
        case "link":
            path.symlink_to(victim)
        case "dangling link":
            path.symlink_to("nowhere")
        case "folder":
            path.mkdir()
    before = path.lstat().st_ino
    with pytest.raises(AmalfaError, match=str(path)):
        bind_private(path)
    assert path.lstat().st_ino == before
    assert victim.read_text() == "precious"


def test_a_link_in_the_place_of_the_temporary_name_harms_nobody(path: Path) -> None:
    """H4"""
    path.parent.mkdir(mode=0o700)
    victim = path.with_name("victim")
    victim.write_text("precious")
    path.with_name(f"s.{os.getpid()}").symlink_to(victim)
    with listening(path):
        assert victim.read_text() == "precious"


def test_a_folder_that_is_a_link_is_refused(path: Path) -> None:
    """H3"""
    elsewhere = path.parent.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    path.parent.symlink_to(elsewhere)
    with pytest.raises(AmalfaError, match="not a folder"):
        bind_private(path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(path: Path) -> None:
    """H3, lifecycle 23"""
    path.parent.mkdir(mode=0o777)
    os.chown(path.parent, 65534, 65534)
    with pytest.raises(AmalfaError, match="another user"):
        bind_private(path)


def test_our_own_open_folder_is_narrowed(path: Path) -> None:
    """Lifecycle 23"""
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with listening(path):
        assert mode_of(path.parent) == 0o700


def test_the_temporary_name_fits_wherever_the_name_fits(short_folder: Path) -> None:
    """H5: the longest name that paths.py allows, with the longest pid."""
    path = short_folder / ("d" * (SOCKET_PATH_MAX_BYTES - len(str(short_folder)) - 12)) / "sonar.sock"
    assert len(os.fsencode(path)) == SOCKET_PATH_MAX_BYTES
    assert len("s.4194304") <= len("sonar.sock")
    with listening(path):
        assert occupant_of(path) == "live socket"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EACCES])
def test_a_filesystem_without_sockets_sends_the_socket_to_the_short_folder(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Lifecycle 27"""
    real_bind = listener_module._bind_closed_to_others

    def refuse_here(made: socket.socket, at: Path) -> None:
        if at.parent == path.parent:
            raise OSError(number, os.strerror(number))
        real_bind(made, at)

    monkeypatch.setattr(listener_module, "_bind_closed_to_others", refuse_here)
    listener = listen_privately(path, folder=path.parent)
    try:
        assert listener.path == substitute_socket(path.parent)
        assert (mode_of(listener.path), mode_of(listener.path.parent)) == (0o600, 0o700)
        assert len(os.fsencode(listener.path)) <= SOCKET_PATH_MAX_BYTES
    finally:
        listener.remove_name()
        listener.socket.close()


def test_a_full_disk_is_an_error_with_the_reason(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(made: socket.socket, at: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(listener_module, "_bind_closed_to_others", refuse)
    with pytest.raises(AmalfaError, match="No space left"):
        listen_privately(path, folder=path.parent)


def test_a_filesystem_that_ignores_modes_counts_as_one_without_sockets(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir(mode=0o700)
    monkeypatch.setattr(os, "umask", lambda mask: 0)
    with umask_of_the_process(0), pytest.raises(PermissionError):
        bind_private(path)
    assert list(path.parent.iterdir()) == []


def test_a_name_that_is_gone_or_replaced_is_noticed_and_not_removed(path: Path) -> None:
    """Lifecycle 21"""
    with listening(path) as listener:
        path.unlink()
        assert not listener.is_in_place()
        path.write_text("somebody else's")
        assert not listener.is_in_place()
        listener.remove_name()
        assert path.read_text() == "somebody else's"


def test_our_own_name_is_removed(path: Path) -> None:
    with listening(path) as listener:
        listener.remove_name()
        assert not path.exists()


def test_the_socket_is_not_inherited_by_children(path: Path) -> None:
    with listening(path) as listener:
        code = f"import os\ntry:\n    os.fstat({listener.socket.fileno()})\nexcept OSError:\n    print('closed')"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, close_fds=False)
        assert ran.stdout.strip() == b"closed"


def test_a_passed_socket_is_adopted_and_its_name_left_to_its_owner(path: Path) -> None:
    """Lifecycle 16"""
    with listening(path) as original:
        adopted = adopt(os.dup(original.socket.fileno()))
        # The name a socket knows is the one it was bound with; a supervisor binds the final one.
        assert adopted.birth is None
        adopted.remove_name()
        assert path.exists()
        adopted.socket.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_passed_socket_that_does_not_listen_is_refused(family: socket.AddressFamily) -> None:
    made = socket.socket(family, socket.SOCK_STREAM)
    with pytest.raises(UsageProblem):
        adopt(made.detach())


def test_the_tcp_door_opens_on_loopback_only() -> None:
    """H12"""
    listener = bind_loopback("127.0.0.1", 0)
    assert listener.getsockname()[0] == "127.0.0.1"
    with pytest.raises(AmalfaError, match="cannot listen"):
        bind_loopback("127.0.0.1", listener.getsockname()[1])
    listener.close()
    for host in ("0.0.0.0", "::", "192.168.1.1", "example.com"):
        with pytest.raises(UsageProblem):
            bind_loopback(host, 0)


@contextmanager
def umask_of_the_process(mask: int) -> Iterator[None]:
    """Change the umask although `os.umask` is replaced."""
    import ctypes

    libc = ctypes.CDLL(None)
    previous = libc.umask(mask)
    try:
        yield
    finally:
        libc.umask(previous)
