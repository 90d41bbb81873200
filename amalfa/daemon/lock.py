"""Locks that say who is alive: `flock` on files that are never removed. Knows nothing of what they protect."""

import errno
import fcntl
import os
import time
from pathlib import Path

from amalfa.daemon.plain_file import open_plain_file
from amalfa.errors import AmalfaError

POLL_S = 0.02

_NO_LOCKS_HERE = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class HeldLock:
    """A lock this process holds until `release` or its own end, whatever ends it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def is_in_place(self) -> bool:
        """Whether `path` still leads to the locked file. When not, somebody else can lock a new one."""
        return _leads_to(self.path, self._descriptor)

    def note(self, text: str) -> None:
        """Write `text` into the file. As only the holder writes, a note under a held lock is the holder's."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def release(self) -> None:
        """Let go. The file stays: removing it would let two holders exist at once."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def take_lock(path: Path, *, wait_s: float = 0.0) -> HeldLock | None:
    """Lock the file at `path`, creating it when absent (0600).

    None when somebody else still holds it after `wait_s`. Raises AmalfaError when the path is no plain
    file of our own or the filesystem cannot lock.
    """
    give_up_s = time.monotonic() + wait_s
    while True:
        held = _try_to_lock(path)
        if held is not None or time.monotonic() >= give_up_s:
            return held
        time.sleep(POLL_S)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock at `path`; an absent file is held by nobody."""
    try:
        descriptor = _open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two onlookers never take each other for the holder.
        return not _flock(path, descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def wait_until_free(path: Path, *, timeout_s: float) -> bool:
    """Wait until nobody holds the lock at `path`; False when somebody still does after `timeout_s`."""
    give_up_s = time.monotonic() + timeout_s
    while is_held(path):
        if time.monotonic() >= give_up_s:
            return False
        time.sleep(POLL_S)
    return True


def read_note(path: Path) -> str:
    """What the holder wrote into the lock file, at most 4 KiB; "" when there is no file."""
    try:
        descriptor = _open(path, os.O_RDONLY)
    except FileNotFoundError:
        return ""
    try:
        return os.read(descriptor, 4096).decode(errors="replace")
    finally:
        os.close(descriptor)


def _try_to_lock(path: Path) -> HeldLock | None:
    descriptor = _open(path, os.O_RDWR | os.O_CREAT)
    held = False
    try:
        # Between open and flock the name may have moved on to another file; that lock would protect nothing.
        held = _flock(path, descriptor, fcntl.LOCK_EX) and _leads_to(path, descriptor)
    finally:
        if not held:
            os.close(descriptor)
    return HeldLock(path, descriptor) if held else None


def _open(path: Path, flags: int) -> int:
    try:
        return open_plain_file(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise AmalfaError(
            f"The lock file {path} cannot be used: {error.strerror}.", hint=f"mv {path} {path}.old"
        ) from error


def _flock(path: Path, descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise
        raise AmalfaError(
            f"The filesystem of {path.parent} cannot lock files.", hint="set AMALFA_HOME to a folder on a local disk"
        ) from error
    return True


def _leads_to(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
