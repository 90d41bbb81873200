"""Which host of a provider takes a call: who is up, has the model, is busy. Asks nobody, is told what was seen."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from amalfa.calls import Lane
from amalfa.clock import Clock
from amalfa.providers.endpoint import Address
from amalfa.providers.host_lines import HostLines, Need, QueueTerms
from amalfa.providers.host_queue import Place
from amalfa.providers.host_view import HostView
from amalfa.providers.ollama_names import full_name, is_cloud_name

# What /api/ps said stays believable this long; models are loaded and evicted by other programs too.
LOADED_FRESH_S = 2.0
# A host found down is looked at again after the first pause; each look in vain doubles it, up to the last.
LOOK_AGAIN_S = 1.0
LOOK_AGAIN_MAX_S = 30.0
# Ollama works on one call of a model at a time unless it is set up otherwise, which its API does not tell.
USUAL_SLOTS = 1


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

    def __init__(self, addresses: Sequence[Address], clock: Clock, terms: QueueTerms | None = None) -> None:
        self._clock = clock
        self._views = {address.url: HostView(address) for address in addresses}
        self._lines = HostLines(self._views, clock, terms or QueueTerms())
        self._running: Counter[tuple[str, str]] = Counter()

    @property
    def lines(self) -> HostLines:
        """The calls that wait and run at each host."""
        return self._lines

    @property
    def views(self) -> tuple[HostView, ...]:
        """In the order of the configuration."""
        return tuple(self._views.values())

    def view(self, address: Address) -> HostView:
        return self._views[address.url]

    def order(self, model: str, among: Sequence[Address] | None = None, *, lane: Lane = "interactive") -> list[Address]:
        """The hosts to try for `model`, best first, of `among` or of all; see `in_order`."""
        views = self.views if among is None else [self.view(address) for address in among]
        return in_order(views, model, {view.address.url: self._burden(view.address, model, lane) for view in views})

    def alike(self, model: str, among: Sequence[Address]) -> tuple[Address, ...]:
        """Those of several hosts that are known to have the model, or of which nobody knows."""
        return tuple(address for address in among if not self.view(address).lacks(model))

    def due(self) -> list[Address]:
        """The hosts to look at now: all but those found down a short while ago. With none left, all of them."""
        now_s = self._clock.monotonic_s()
        due = [view.address for view in self.views if view.state != "down" or now_s >= view.next_look_s]
        is_any_up = any(view.state == "up" for view in self.views)
        return due if is_any_up else [view.address for view in self.views]

    def running(self, address: Address) -> int:
        """How many calls are under way there."""
        return self._lines.running(address)

    def running_of(self, address: Address, model: str) -> int:
        """How many of them ask this model."""
        return self._running[address.url, full_name(model)]

    @asynccontextmanager
    async def busy(self, address: Address, need: Need, *, deadline_s: float) -> AsyncIterator[Place]:
        """Counts one call for as long as the block lasts, after waiting for a place. Raises as `HostLines.place`."""
        key = (address.url, full_name(need.model))
        async with self._lines.place(address, need, deadline_s) as place:
            self._running[key] += 1
            try:
                yield place
            finally:
                self._running[key] -= 1

    def saw(self, view: HostView) -> None:
        """What a look found. Lists may leave out what a model can do, so what was learned otherwise stays."""
        known, installed = self.view(view.address), view.installed or frozenset()
        with_tools = view.with_tools | (known.with_tools & installed)
        without_tools = (known.without_tools & installed) - view.with_tools
        self._views[view.address.url] = replace(view, with_tools=with_tools, without_tools=without_tools)
        if view.loaded is not None:
            self._lines.saw_resident(view.address, view.loaded)

    def saw_tools(self, address: Address, model: str, *, takes_tools: bool) -> None:
        """The host says, by itself or by a refusal, whether the model takes tools."""
        view, name = self.view(address), frozenset({full_name(model)})
        self._views[address.url] = replace(
            view,
            with_tools=view.with_tools | name if takes_tools else view.with_tools - name,
            without_tools=view.without_tools - name if takes_tools else view.without_tools | name,
        )

    def takes_tools(self, address: Address, model: str) -> bool | None:
        """Whether the model takes tools there; None when nobody has told."""
        view, name = self.view(address), full_name(model)
        return True if name in view.with_tools else False if name in view.without_tools else None

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
        self._believe_loaded(address, loaded)
        if loaded is not None:
            self._lines.saw_resident(address, loaded)

    def saw_load(self, address: Address, place: Place, load_s: float, loaded: Mapping[str, int | None] | None) -> None:
        """A model was loaded for the call at `place`, and this is what /api/ps said after it."""
        place.loaded(load_s, None if loaded is None else self._lines.residents(address, loaded))
        if loaded is not None:
            self.saw_loaded(address, loaded)

    def saw_model_loaded(self, address: Address, model: str) -> None:
        """A reply of the model just ended, so it is in memory, with the options we sent along."""
        self._believe_loaded(address, {**(self.view(address).loaded or {}), full_name(model): None})

    def forget_loaded(self, address: Address) -> None:
        """What is in memory there may change now, so the next call has to look."""
        self._views[address.url] = replace(self.view(address), loaded_at_s=float("-inf"))

    def knows_loaded(self, address: Address) -> bool:
        return self._clock.monotonic_s() - self.view(address).loaded_at_s <= LOADED_FRESH_S

    def is_forwarded(self, address: Address, model: str) -> bool:
        """Whether the host passes this model on to a cloud, as far as is known."""
        return is_cloud_name(model) or full_name(model) in self.view(address).forwarded

    def _believe_loaded(self, address: Address, loaded: Mapping[str, int | None] | None) -> None:
        self._views[address.url] = replace(self.view(address), loaded=loaded, loaded_at_s=self._clock.monotonic_s())

    def _burden(self, address: Address, model: str, lane: Lane) -> Burden:
        queue = self._lines.queue(address)
        slots = queue.slots_of(self._lines.runner(address, model))
        return Burden(queue.running + self._lines.waiting(address, lane), slots, queue.is_resting or queue.is_full)
