"""Sonar's listening sockets: born private, renamed into place, never stolen from a live owner. Serves nothing."""

import errno
import hashlib
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from amalfa.errors import AmalfaError, UsageProblem
from amalfa.paths import make_private_folder

BACKLOG = 1024
DIAL_TIMEOUT_S = 1.0

_NO_SOCKETS_HERE = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EROFS}
)

Occupant = Literal["nobody", "dead socket", "live socket", "a link", "something else"]


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens, and the name under which it is dialled.

    `birth` is (device, inode) of the name; None when the socket was handed over by a supervisor, who then
    owns the name as well.
    """

    socket: socket.socket
    path: Path
    birth: tuple[int, int] | None

    def is_in_place(self) -> bool:
        """Whether a client that dials `path` still reaches this socket."""
        try:
            found = self.path.lstat()
        except OSError:
            return False
        return stat.S_ISSOCK(found.st_mode) if self.birth is None else (found.st_dev, found.st_ino) == self.birth

    def remove_name(self) -> None:
        """Take the name away, if it is still ours."""
        if self.birth is not None and self.is_in_place():
            self.path.unlink(missing_ok=True)


def listen_privately(wanted: Path, *, folder: Path) -> Listener:
    """Listen at `wanted`, or in the short folder under /tmp when that filesystem takes no sockets.

    The caller holds the life lock of `folder`. Raises AmalfaError for whatever keeps sonar from listening.
    """
    try:
        return bind_private(wanted)
    except OSError as error:
        substitute = substitute_socket(folder)
        if error.errno not in _NO_SOCKETS_HERE or substitute == wanted:
            raise AmalfaError(
                f"Sonar cannot listen at {wanted}: {error.strerror or error}.", hint="set AMALFA_HOME to a local disk"
            ) from error
        return bind_private(substitute)


def bind_private(path: Path) -> Listener:
    """Listen at `path` with mode 0600 inside a 0700 folder of our own; a dead socket there is replaced.

    Raises AmalfaError when the place is taken or the folder is not private, OSError when the filesystem refuses.
    """
    make_private_folder(path.parent)
    refuse_if_taken(path)
    # No longer than the name itself: that one was chosen to fit into a socket address.
    temporary = path.with_name(f"s.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind_closed_to_others(listener, temporary)
        listener.listen(BACKLOG)
        listener.setblocking(False)
        found = temporary.lstat()
        # Rename instead of unlink + bind: a client that dials in between would find no daemon.
        temporary.rename(path)
    except BaseException:
        listener.close()
        temporary.unlink(missing_ok=True)
        raise
    return Listener(socket=listener, path=path, birth=(found.st_dev, found.st_ino))


def bind_loopback(host: str, port: int) -> socket.socket:
    """Listen on a loopback address for the optional HTTP door; any other address is refused."""
    if host not in ("127.0.0.1", "::1", "localhost"):
        raise UsageProblem(f"sonar.http.host {host} is not this machine.", hint="use 127.0.0.1 or ::1")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1" if host == "localhost" else host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        hint = "amalfa config set sonar.http.port NUMBER (a free one), or sonar.http.enabled false"
        raise AmalfaError(f"Sonar cannot listen on {host} port {port}: {error.strerror}.", hint=hint) from error
    return listener


def adopt(descriptor: int) -> Listener:
    """Take over a listening Unix socket from the supervisor that started this process."""
    listener = socket.socket(fileno=descriptor)
    name = listener.getsockname() if listener.family == socket.AF_UNIX else None
    if not isinstance(name, str) or not name or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.close()
        raise UsageProblem("The socket passed in is not a listening Unix socket.", hint="use ListenStream=/some/path")
    listener.setblocking(False)
    os.set_inheritable(descriptor, False)
    return Listener(socket=listener, path=Path(name), birth=None)


def substitute_socket(folder: Path) -> Path:
    """Where the socket of `folder` goes when it cannot lie in there: short, and the same for every caller."""
    key = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(f"/tmp/amalfa-{os.getuid()}") / f"{key}.sock"  # noqa: S108  # the folder is owner-checked before use


def refuse_if_taken(path: Path) -> None:
    """Raise AmalfaError unless the name is free or leads to a socket that nobody listens on."""
    match occupant_of(path):
        case "nobody" | "dead socket":
            return
        case "live socket":
            raise AmalfaError(f"Another process listens on {path}.", hint="amalfa sonar status")
        case "a link" | "something else" as found:
            raise AmalfaError(
                f"{path} is {found}, not a socket; sonar does not touch it.", hint=f"mv {path} {path}.old"
            )


def occupant_of(path: Path) -> Occupant:
    """What a new listener would find at `path`. A socket is only dead when it refuses a connection."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return "nobody"
    if stat.S_ISLNK(mode):
        return "a link"
    if not stat.S_ISSOCK(mode):
        return "something else"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(DIAL_TIMEOUT_S)
        try:
            caller.connect(os.fspath(path))
        except ConnectionRefusedError:
            return "dead socket"
        except FileNotFoundError:
            return "nobody"
        except (TimeoutError, BlockingIOError):
            return "live socket"  # its backlog is full
        except OSError as error:
            return "something else" if error.errno == errno.EPROTOTYPE else "live socket"
    return "live socket"


def _bind_closed_to_others(listener: socket.socket, path: Path) -> None:
    previous = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(previous)
    if stat.S_IMODE(path.lstat().st_mode) & 0o077:
        raise PermissionError(errno.EPERM, "the filesystem does not keep modes", os.fspath(path))
