"""Which host of a provider takes a call: who is up, has the model, is busy. Asks nobody, is told what was seen."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from amalfa.clock import Clock
from amalfa.providers.endpoint import Address
from amalfa.providers.ollama_names import full_name, is_cloud_name
from amalfa.providers.provider import Host, HostState
from amalfa.providers.slots import Slots

# What /api/ps said stays believable this long; models are loaded and evicted by other programs too.
LOADED_FRESH_S = 2.0
# A host found down is looked at again after the first pause; each look in vain doubles it, up to the last.
LOOK_AGAIN_S = 1.0
LOOK_AGAIN_MAX_S = 30.0
# Ollama works on one call of a model at a time unless it is set up otherwise, which its API does not tell.
USUAL_SLOTS = 1


@dataclass(frozen=True, slots=True)
class HostView:
    """One host as last seen. Names are full names; None means that it could not be found out.

    `loaded` maps each model in memory to its context window (None where the server does not say).
    `loaded_at_s` is when that was seen, on the monotonic clock. `is_suspect`: a call there broke off, and nobody
    has looked since. `looks_in_vain` counts those since it was last up, `next_look_s` is when to try again.
    """

    address: Address
    state: HostState = "unknown"
    reason: str = ""
    installed: frozenset[str] | None = None
    forwarded: frozenset[str] = frozenset()
    loaded: Mapping[str, int | None] | None = None
    loaded_at_s: float = field(default=float("-inf"))
    version: str = ""
    is_suspect: bool = False
    looks_in_vain: int = 0
    next_look_s: float = field(default=float("-inf"))

    def lacks(self, model: str) -> bool:
        """Whether the host is known not to have the model."""
        return self.installed is not None and full_name(model) not in self.installed

    @property
    def has_list(self) -> bool:
        return self.installed is not None

    def holds(self, model: str) -> bool:
        return self.loaded is not None and full_name(model) in self.loaded

    def is_loaded(self, model: str, window: int) -> bool | None:
        """Whether the model is in memory with a context window of `window` tokens; None when nobody can tell.

        With another window it would be loaded anew, which takes as long as the first time.
        """
        if self.loaded is None:
            return None
        return self.holds(model) and self.loaded[full_name(model)] in (None, window)

    def as_host(self) -> Host:
        return Host(
            url=self.address.url,
            state=self.state,
            reason=self.reason,
            installed=self.installed,
            loaded=tuple(self.loaded or ()),
            forwarded=self.forwarded,
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class Burden:
    """What a host has to do for us now. `slots` is how many calls it works on at once, as far as is known.

    `is_closed`: a call that comes now has to wait, as the host refused others before.
    """

    running: int = 0
    slots: int = USUAL_SLOTS
    is_closed: bool = False

    def weight(self, *, is_resident: bool) -> int:
        """The smaller, the better. A resident model is worth the wait for one call for each slot left free.

        Loading takes seconds, a reply too. So a host that holds the model is preferred unless it is busier than
        the other by more than its free slots: `running - other > slots - running`, with the unknowns apart.
        """
        return 2 * self.running - self.slots if is_resident else self.running


IDLE = Burden()


def in_order(views: Sequence[HostView], model: str, burdens: Mapping[str, Burden]) -> list[Address]:
    """The hosts to try for `model`, best first; `burdens` by URL.

    Hosts known to be down, and hosts known not to have the model, are left out as long as there is any other.
    Of the rest, those that may take a call at once and have lost none come first, then the lightest by
    `Burden.weight`, then those that hold the model, then the one written first.
    """
    reachable = [view for view in views if view.state != "down"] or list(views)
    fitting = [view for view in reachable if not view.lacks(model)] or reachable

    def rank(view: HostView) -> tuple[bool, bool, int, bool]:
        burden, is_resident = burdens.get(view.address.url, IDLE), view.holds(model)
        is_doubtful = view.state != "up" or view.is_suspect
        return is_doubtful, burden.is_closed, burden.weight(is_resident=is_resident), not is_resident

    return [view.address for view in sorted(fitting, key=rank)]


def pause_s(looks_in_vain: int) -> float:
    """How long a host that was found down so often in a row is left alone."""
    return float(min(LOOK_AGAIN_MAX_S, LOOK_AGAIN_S * 2 ** min(looks_in_vain - 1, 10)))


class HostPool:
    """Keeps the views up to date and counts the calls under way at each host."""

    def __init__(self, addresses: Sequence[Address], clock: Clock) -> None:
        self._clock = clock
        self._views = {address.url: HostView(address) for address in addresses}
        self._slots = {address.url: Slots(clock) for address in addresses}
        self._running: Counter[tuple[str, str]] = Counter()

    @property
    def views(self) -> tuple[HostView, ...]:
        """In the order of the configuration."""
        return tuple(self._views.values())

    def view(self, address: Address) -> HostView:
        return self._views[address.url]

    def order(self, model: str, among: Sequence[Address] | None = None) -> list[Address]:
        """The hosts to try for `model`, best first, of `among` or of all; see `in_order`."""
        views = self.views if among is None else [self.view(address) for address in among]
        return in_order(views, model, {url: _burden(slots) for url, slots in self._slots.items()})

    def is_closed(self, address: Address) -> bool:
        """Whether a call that comes now has to wait for a slot."""
        return _burden(self._slots[address.url]).is_closed

    def due(self) -> list[Address]:
        """The hosts to look at now: all but those found down a short while ago. With none left, all of them."""
        now_s = self._clock.monotonic_s()
        due = [view.address for view in self.views if view.state != "down" or now_s >= view.next_look_s]
        is_any_up = any(view.state == "up" for view in self.views)
        return due if is_any_up else [view.address for view in self.views]

    def running(self, address: Address) -> int:
        """How many calls are under way there."""
        return self._slots[address.url].running

    def running_of(self, address: Address, model: str) -> int:
        """How many of them ask this model."""
        return self._running[address.url, full_name(model)]

    @asynccontextmanager
    async def busy(self, address: Address, model: str, *, deadline_s: float) -> AsyncIterator[None]:
        """Counts one call for as long as the block lasts, after waiting for a slot. Raises Overloaded."""
        key = (address.url, full_name(model))
        async with self._slots[address.url].slot(address.url, deadline_s):
            self._running[key] += 1
            try:
                yield
            finally:
                self._running[key] -= 1

    def saw(self, view: HostView) -> None:
        self._views[view.address.url] = view

    def saw_down(self, address: Address, reason: str) -> None:
        """Nothing answered there; true until somebody looks again."""
        times = self.view(address).looks_in_vain + 1
        next_look_s = self._clock.monotonic_s() + pause_s(times)
        self._views[address.url] = HostView(address, "down", reason, looks_in_vain=times, next_look_s=next_look_s)

    def saw_break(self, address: Address) -> None:
        """A call there broke off, which may be the host or only this call: it is asked last until somebody looks."""
        self._views[address.url] = replace(self.view(address), is_suspect=True)

    def saw_missing(self, address: Address, model: str) -> None:
        """The host says that it does not have the model, whatever its list said."""
        view = self.view(address)
        if view.installed is not None:
            self._views[address.url] = replace(view, installed=view.installed - {full_name(model)})

    def saw_pulled(self, address: Address, model: str) -> None:
        """The host has the model now."""
        view = self.view(address)
        if view.installed is not None:
            self._views[address.url] = replace(view, installed=view.installed | {full_name(model)})

    def saw_loaded(self, address: Address, loaded: Mapping[str, int | None] | None) -> None:
        """What /api/ps said just now; None when it said nothing of use."""
        self._views[address.url] = replace(self.view(address), loaded=loaded, loaded_at_s=self._clock.monotonic_s())

    def saw_model_loaded(self, address: Address, model: str) -> None:
        """A reply of the model just ended, so it is in memory, with the options we sent along."""
        self.saw_loaded(address, {**(self.view(address).loaded or {}), full_name(model): None})

    def forget_loaded(self, address: Address) -> None:
        """What is in memory there may change now, so the next call has to look."""
        self._views[address.url] = replace(self.view(address), loaded_at_s=float("-inf"))

    def knows_loaded(self, address: Address) -> bool:
        return self._clock.monotonic_s() - self.view(address).loaded_at_s <= LOADED_FRESH_S

    def is_forwarded(self, address: Address, model: str) -> bool:
        """Whether the host passes this model on to a cloud, as far as is known."""
        return is_cloud_name(model) or full_name(model) in self.view(address).forwarded


def _burden(slots: Slots) -> Burden:
    return Burden(slots.running, slots.allowance.limit or USUAL_SLOTS, slots.is_full or slots.is_resting)
