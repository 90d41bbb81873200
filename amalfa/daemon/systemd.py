"""The two conventions of service managers: a socket passed in, and messages about readiness. No-ops without one."""

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress

FIRST_PASSED_FD = 3


def take_passed_descriptor(environ: MutableMapping[str, str]) -> int | None:
    """The listening socket a supervisor passed to this very process; None when there is none.

    The variables are removed, so that no child takes the socket for its own.
    """
    meant_for, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if meant_for != str(os.getpid()) or count != "1":
        return None
    return FIRST_PASSED_FD


class Supervisor:
    """Where readiness is reported. Knows nothing of what is being supervised."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._address = environ.pop("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        interval_us = environ.pop("WATCHDOG_USEC", "")
        self.wants_heartbeat = bool(self._address) and interval_us.isdecimal()

    def tell(self, *lines: str) -> None:
        """Send lines such as `READY=1`. A supervisor that does not listen is no reason to fail."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
            caller.setblocking(False)
            with suppress(OSError):
                caller.sendto("\n".join(lines).encode(), self._address)

    def tell_reloading(self) -> None:
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
