"""Addresses where nothing answers: one that swallows connection attempts, one that refuses them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_FILLERS = 8


@contextmanager
def blackhole() -> Iterator[int]:
    """A loopback port on which connecting neither succeeds nor fails, because its backlog is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(_FILLERS):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
        yield port


def refusing_port() -> int:
    """A loopback port that was free a moment ago, so that connecting to it is refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
