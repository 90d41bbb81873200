"""One host of Ollama as it was last seen. Looks at nothing itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from amalfa.providers.endpoint import Address
from amalfa.providers.ollama_names import full_name
from amalfa.providers.provider import Host, HostState


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
    with_tools: frozenset[str] = frozenset()
    without_tools: frozenset[str] = frozenset()
    digests: Mapping[str, str] = field(default_factory=dict)
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
            with_tools=self.with_tools,
            without_tools=self.without_tools,
            version=self.version,
        )
