"""What a simulated Ollama counted: loads, swaps, served requests, pulls."""

from collections import Counter
from dataclasses import dataclass, field

from tests.upstreams.counters import Counters


@dataclass(slots=True)
class OllamaCounters(Counters):
    """All counts since the start or the last `reset`.

    `swaps` = loads that pushed another model out. `reloads` = loads of a model that was loaded with other
    options (or had crashed). `aborted_loads` = loads given up or failed. `served` names the models of
    finished generations in order, those that a script cut short included.
    """

    loads: int = 0
    loads_by_model: Counter[str] = field(default_factory=Counter)
    load_order: list[str] = field(default_factory=list)
    swaps: int = 0
    reloads: int = 0
    unloads: int = 0
    aborted_loads: int = 0
    queue_refusals: int = 0
    served: list[str] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0
    pulls: list[str] = field(default_factory=list)

    def note_load(self, model: str, *, is_swap: bool, is_reload: bool) -> None:
        self.loads += 1
        self.loads_by_model[model] += 1
        self.load_order.append(model)
        self.swaps += is_swap
        self.reloads += is_reload
