"""Who may come in, how many at once, and with how much patience. Asks the kernel about the caller, reads no bytes."""

import os
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

UNIX = "unix"
"""First half of `scope["client"]` for a caller on the Unix socket; the second half is its pid."""


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """How much patience a caller gets. Sizes in bytes.

    A reply that the caller does not take is buffered up to `unread_bytes`; the connection ends when less than
    `unread_progress_bytes` were taken in `unread_timeout_s`.
    """

    head_timeout_s: float = 5.0
    head_bytes: int = 16_384
    head_fields: int = 100
    body_timeout_s: float = 30.0
    pipelined: int = 100
    unread_bytes: int = 262_144
    unread_progress_bytes: int = 16_384
    unread_timeout_s: float = 30.0
    connections: int = 4096
    connections_per_peer: int = 3072


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a Unix socket, as the kernel vouches for it."""

    pid: int
    uid: int


class Line:
    """A request's connection, in its scope as `scope["line"]`: who answers says here what should happen when.

    A callback costs less than a task that waits for the same, and most requests need neither.
    """

    __slots__ = ("on_hang_up", "on_late_body")

    def __init__(self) -> None:
        self.on_hang_up: Callable[[], None] | None = None
        self.on_late_body: Callable[[], None] | None = None


@dataclass(slots=True)
class Door:
    """What all connections of one sonar share: its limits, its owner, and who is connected right now."""

    uid: int = field(default_factory=os.getuid)
    limits: DoorLimits = field(default_factory=DoorLimits)
    inside: Counter[str] = field(default_factory=Counter)

    def admit(self, who: str) -> bool:
        """Count one more connection of `who`, unless that is one too many."""
        limits = self.limits
        if self.inside[who] >= limits.connections_per_peer or self.inside.total() >= limits.connections:
            return False
        self.inside[who] += 1
        return True

    def leave(self, who: str) -> None:
        self.inside[who] -= 1
        if not self.inside[who]:
            del self.inside[who]


def peer_of(connected: socket.socket) -> Peer | None:
    """Who is at the other end; None for a TCP connection or where the kernel does not tell."""
    if connected.family != socket.AF_UNIX:
        return None
    if sys.platform == "linux":
        pid, uid, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return Peer(pid=pid, uid=uid)
    if sys.platform == "darwin":
        # SOL_LOCAL is 0; LOCAL_PEERCRED (1) fills a struct xucred, LOCAL_PEERPID (2) an int. Python names neither.
        _, uid = struct.unpack_from("II", connected.getsockopt(0, 1, 76))
        return Peer(pid=struct.unpack("i", connected.getsockopt(0, 2, 4))[0], uid=uid)
    return None
