"""What a way to sonar can do, whichever way it is. Apart from `connection`, which must load without `typing`."""

from typing import Protocol

from amalfa.client.connection import Reply, Stream


class Connection(Protocol):
    """A way to sonar: over its socket, or to the same engine inside this process.

    Both raise errors of `amalfa.errors` and of `amalfa.client.failures` only, and mean the same by each of them.
    """

    def request(self, method: str, path: str, body: object = None, *, timeout_s: float = 30.0) -> Reply:
        """One whole exchange; see `amalfa.client.connection.request`."""
        ...

    def stream(self, method: str, path: str, body: object = None, *, timeout_s: float | None = None) -> Stream:
        """The events of one exchange; see `amalfa.client.connection.stream`."""
        ...
