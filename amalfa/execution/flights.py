"""Equal calls at the same moment ask once: the first one leads, the others wait for its whole reply."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from amalfa.calls import Lane
from amalfa.execution.cache import KeptReply
from amalfa.execution.cache_key import CacheKey

FlightName = tuple[CacheKey, Lane]
"""The lane belongs to it: a person does not wait for what a job will be given some time."""


class Flight:
    """One call under way that others may follow."""

    def __init__(self) -> None:
        self._is_over = anyio.Event()
        self._reply: KeptReply | None = None

    def land(self, reply: KeptReply) -> None:
        """Hand the whole reply to the followers, who get it as soon as the leader is done."""
        self._reply = reply

    async def landed(self) -> KeptReply | None:
        """Wait for the end; None when the leader failed or left, and one of those who waited goes on."""
        await self._is_over.wait()
        return self._reply

    def end(self) -> None:
        self._is_over.set()


class Flights:
    """All that are under way. One for the process, as equal calls may belong to two configurations."""

    def __init__(self) -> None:
        self._under_way: dict[FlightName, Flight] = {}

    def find(self, name: FlightName) -> Flight | None:
        return self._under_way.get(name)

    @contextmanager
    def lead(self, name: FlightName) -> Iterator[Flight]:
        """Lead for as long as the block runs, however it ends. Beside another leader nobody follows."""
        flight = Flight()
        leader = self._under_way.setdefault(name, flight)
        try:
            yield flight
        finally:
            if leader is flight:
                del self._under_way[name]
            flight.end()
