"""The calls at all hosts of one provider: what each needs in memory, and who moves to a host with a free place."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from amalfa.calls import Lane, Prompt
from amalfa.clock import Clock
from amalfa.providers.endpoint import DEFAULT_NUM_CTX, Address
from amalfa.providers.host_queue import HostQueue, Place, Wanted
from amalfa.providers.host_view import HostView
from amalfa.providers.ollama_names import full_name
from amalfa.providers.provider import Line
from amalfa.providers.slot_count import SLOTS_MAX, SlotCount

# A shorter beginning is read again faster than anybody could wait for it.
PREFIX_MIN_CHARACTERS = 400
# A call that was sent to another host is there by then, or will never come.
ON_ITS_WAY_S = 1.0


def _usual_window(model: str) -> int:
    return DEFAULT_NUM_CTX


@dataclass(frozen=True, slots=True)
class QueueTerms:
    """`slots` is what a model begins with (None: found out), `most_people` how many calls of people may wait.

    `window_of` tells the context window that a model is loaded with.
    """

    slots: SlotCount | None = None
    most_people: float = float("inf")
    window_of: Callable[[str], int] = _usual_window


@dataclass(frozen=True, slots=True)
class Need:
    """What a call needs of a host. `others` may serve it as well. `is_forwarded`: the host only passes it on."""

    model: str
    lane: Lane = "interactive"
    prefix: str = ""
    others: tuple[Address, ...] = ()
    is_forwarded: bool = False


class HostLines:
    """One queue for each host. `views` is how the hosts are seen, kept up to date by its owner."""

    def __init__(self, views: Mapping[str, HostView], clock: Clock, terms: QueueTerms) -> None:
        self._views = views
        self._clock = clock
        self._window_of = terms.window_of
        self._queues = {
            url: HostQueue(clock, slots=terms.slots, most_people=terms.most_people, changed=self._level)
            for url in views
        }
        # What a host passes on takes none of its memory, so all of it counts as one model with many slots.
        self._passing_on = {url: HostQueue(clock, slots=SlotCount(SLOTS_MAX)) for url in views}
        self._on_its_way_s: dict[str, float] = {}

    def queue(self, address: Address) -> HostQueue:
        """The calls that the host works on itself."""
        return self._queues[address.url]

    def running(self, address: Address) -> int:
        """How many calls are under way there."""
        return self._queues[address.url].running + self._passing_on[address.url].running

    def waiting(self, address: Address, lane: Lane) -> int:
        """How many calls a new one of this lane finds before it there: people pass by background work."""
        return self._queues[address.url].waiting("interactive" if lane == "interactive" else None)

    def runner(self, address: Address, model: str) -> str:
        """What has to be in memory for a call: the build of the model with its load-time options."""
        return self._runner(address.url, model, None)

    def must_wait(self, address: Address, need: Need) -> bool:
        """Whether a call that comes now has to wait for a place."""
        queue = self._queues[address.url]
        return not need.is_forwarded and not queue.takes_at_once(self.runner(address, need.model), need.lane)

    @asynccontextmanager
    async def place(self, address: Address, need: Need, deadline_s: float) -> AsyncIterator[Place]:
        """Run one call inside the block. Raises Overloaded, and MovedAway when another host is free."""
        self._on_its_way_s.pop(address.url, None)
        queue = (self._passing_on if need.is_forwarded else self._queues)[address.url]
        runner = "forwarded" if need.is_forwarded else self.runner(address, need.model)
        elsewhere = {other.url: self.runner(other, need.model) for other in need.others}
        async with queue.place(Wanted(runner, need.lane, need.prefix, elsewhere), address.url, deadline_s) as place:
            yield place

    def saw_resident(self, address: Address, loaded: Mapping[str, int | None]) -> None:
        """What the host says that is in memory there: model to context window."""
        self._queues[address.url].saw_resident(self.residents(address, loaded))

    def residents(self, address: Address, loaded: Mapping[str, int | None]) -> list[str]:
        """The runners that the host's words mean."""
        return [self._runner(address.url, model, window) for model, window in loaded.items()]

    def line(self, address: Address) -> Line:
        """The queue of a host in numbers."""
        queue = self._queues[address.url]
        swaps = queue.swaps
        return Line(
            running=self.running(address),
            people=queue.waiting("interactive"),
            background=queue.waiting("background"),
            swaps_made=swaps.made,
            swaps_avoided=swaps.avoided,
        )

    def _runner(self, url: str, model: str, window: int | None) -> str:
        name = full_name(model)
        build = self._views[url].digests.get(name) or name
        return f"{build} num_ctx={self._window_of(model) if window is None else window}"

    def _level(self) -> None:
        """Send one call that waits to a host that would take it at once, if there are both."""
        if len(self._views) < 2:
            return
        now_s = self._clock.monotonic_s()
        for url, queue in self._queues.items():
            for waiter in queue.waiters:
                for other, runner in waiter.elsewhere.items():
                    if other != url and self._is_free(other, runner, waiter.ticket.lane, now_s):
                        self._on_its_way_s[other] = now_s
                        waiter.move(other)
                        return

    def _is_free(self, url: str, runner: str, lane: Lane, now_s: float) -> bool:
        view = self._views[url]
        if view.state == "down" or view.is_suspect or now_s - self._on_its_way_s.get(url, float("-inf")) < ON_ITS_WAY_S:
            return False
        return self._queues[url].takes_at_once(runner, lane)


def prefix_of(prompt: Prompt) -> str:
    """The name of the beginning that a prompt shares with others: its system messages, where they are long enough."""
    texts = [message.content for message in prompt.messages if message.role == "system"]
    if sum(map(len, texts)) < PREFIX_MIN_CHARACTERS:
        return ""
    return hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()[:16]
