"""The benchmarks there are. A new one is a module with `run(options) -> Report` and a line here."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from benchmarks.options import Options
from benchmarks.report import Report


@dataclass(frozen=True, slots=True)
class Entry:
    """`module` is imported only when the benchmark runs, so that one part that does not build yet hides no other."""

    module: str
    about: str


CATALOG: Mapping[str, Entry] = {
    "cache": Entry("benchmarks.cache", "calls whose replies are kept, from memory and from disk"),
    "decisions": Entry("benchmarks.decisions", "one routing decision over fifty models"),
    "json_repair": Entry("benchmarks.json_repair", "broken JSON: read rightly, silently wrongly, or refused"),
    "retrieval": Entry("benchmarks.retrieval", "finding, refusing and quoting over 1,000 confusable notes"),
    "scale": Entry("benchmarks.scale", "indexing, one edit and searching over 10,000 notes"),
    "scheduler": Entry("benchmarks.scheduler", "one Ollama, many calls: swaps, waiting, and people beside a big job"),
    "startup": Entry("benchmarks.startup", "commands against a click hello-world, the daemon's start and memory"),
    "structured": Entry("benchmarks.structured", "the tasks that reply in JSON, when every fifth reply is broken"),
}


class Benchmark(Protocol):
    def run(self, options: Options) -> Report:
        """Measure. Raises what goes wrong; nothing is caught on the way."""
        ...


def load(name: str) -> Benchmark:
    return cast("Benchmark", import_module(CATALOG[name].module))
