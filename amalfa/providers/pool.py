"""The hosts of one Ollama provider: what was last seen of each, and which of them a call goes to. Does no I/O."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from amalfa.providers.endpoint import Address
from amalfa.providers.ollama_names import full_name, is_cloud_name
from amalfa.providers.provider import Host, HostState

# What /api/ps said stays believable this long; models are loaded and evicted by other programs too.
LOADED_FRESH_S = 2.0


@dataclass(frozen=True, slots=True)
class HostView:
    """One host as last seen. Names are full names; None means that it could not be found out.

    `loaded` maps each model in memory to its context window (None where the server does not say).
    `loaded_at_s` is when that was seen, on the monotonic clock.
    """

    address: Address
    state: HostState = "unknown"
    reason: str = ""
    installed: frozenset[str] | None = None
    forwarded: frozenset[str] = frozenset()
    loaded: Mapping[str, int | None] | None = None
    loaded_at_s: float = field(default=float("-inf"))

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
        )


def in_order(views: Sequence[HostView], model: str, running: Mapping[str, int]) -> list[Address]:
    """The hosts to try for `model`, best first: up and with the model, least busy, already loaded, as written.

    Hosts known to be down are left out as long as there is any other.
    """
    reachable = [view for view in views if view.state != "down"] or list(views)

    def rank(view: HostView) -> tuple[bool, bool, int, bool]:
        return view.lacks(model), view.state != "up", running.get(view.address.url, 0), not view.holds(model)

    return [view.address for view in sorted(reachable, key=rank)]


class HostPool:
    """Keeps the views up to date and counts the calls under way at each host."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._views = {address.url: HostView(address) for address in addresses}
        self._running: Counter[str] = Counter()

    @property
    def views(self) -> tuple[HostView, ...]:
        """In the order of the configuration."""
        return tuple(self._views.values())

    def view(self, address: Address) -> HostView:
        return self._views[address.url]

    def order(self, model: str) -> list[Address]:
        return in_order(self.views, model, self._running)

    def running(self, address: Address) -> int:
        """How many calls are under way there."""
        return self._running[address.url]

    @contextmanager
    def busy(self, address: Address) -> Iterator[None]:
        """Counts one call for as long as the block lasts."""
        self._running[address.url] += 1
        try:
            yield
        finally:
            self._running[address.url] -= 1

    def saw(self, view: HostView) -> None:
        self._views[view.address.url] = view

    def saw_down(self, address: Address, reason: str) -> None:
        """Nothing answered there; true until somebody looks again."""
        self._views[address.url] = HostView(address, "down", reason)

    def saw_loaded(self, address: Address, loaded: Mapping[str, int | None] | None, now_s: float) -> None:
        """What /api/ps said just now; None when it said nothing of use."""
        self._views[address.url] = replace(self.view(address), loaded=loaded, loaded_at_s=now_s)

    def saw_model_loaded(self, address: Address, model: str, now_s: float) -> None:
        """A reply of the model just ended, so it is in memory, with the options we sent along."""
        loaded = {**(self.view(address).loaded or {}), full_name(model): None}
        self.saw_loaded(address, loaded, now_s)

    def forget_loaded(self, address: Address) -> None:
        """What is in memory there may change now, so the next call has to look."""
        self._views[address.url] = replace(self.view(address), loaded_at_s=float("-inf"))

    def knows_loaded(self, address: Address, now_s: float) -> bool:
        return now_s - self.view(address).loaded_at_s <= LOADED_FRESH_S

    def is_forwarded(self, address: Address, model: str) -> bool:
        """Whether the host passes this model on to a cloud, as far as is known."""
        return is_cloud_name(model) or full_name(model) in self.view(address).forwarded
