"""Which process is meant: a pid alone may be somebody else's by now. Sends signals only to the process it checked."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process for all time: its pid, when it started and in which boot. Both stamps only compare for equality."""

    pid: int
    start_time: str
    boot_id: str


class CheckedProcess:
    """A running process whose identity was checked; a signal reaches that process or nobody."""

    def __init__(self, pid: int, pidfd: int | None) -> None:
        self.pid = pid
        self._pidfd = pidfd

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a process that ended meanwhile is no error."""
        try:
            if sys.platform == "linux" and self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass


def own_identity() -> ProcessIdentity:
    """The identity of this process."""
    pid = os.getpid()
    return ProcessIdentity(pid=pid, start_time=start_time_of(pid) or "", boot_id=boot_id())


@contextmanager
def open_process(identity: ProcessIdentity) -> Iterator[CheckedProcess | None]:
    """The process with this identity, held open so that its pid cannot change hands; None when it is gone."""
    pidfd = _open_pidfd(identity.pid)
    try:
        # Checked after the descriptor is open: from here on a reused pid cannot be hit.
        is_same = identity.boot_id == boot_id() and start_time_of(identity.pid) == identity.start_time != ""
        yield CheckedProcess(identity.pid, pidfd) if is_same else None
    finally:
        if pidfd is not None:
            os.close(pidfd)


def start_time_of(pid: int) -> str | None:
    """When the process started, as the kernel stamps it; None when there is no such process."""
    if sys.platform == "linux":
        try:
            line = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return None
        # The command name in parentheses may hold spaces and parentheses; the start time is field 22.
        return line.rpartition(b")")[2].split()[19].decode()
    import psutil

    try:
        return repr(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def boot_id() -> str:
    """A name of the running boot: pids and start times mean nothing in another one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        # The boot time is derived from the wall clock, which may be corrected by some seconds.
        return str(round(psutil.boot_time() / 60))


def _open_pidfd(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
