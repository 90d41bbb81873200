"""The route for Prometheus: the counters of this run in its text format. Counts nothing itself.

The library is imported when somebody scrapes, because nobody else needs it, and its global registry is not used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from pydantic import RootModel
from starlette.requests import Request
from starlette.responses import Response

from amalfa.execution.counters import Counters, Labels, Times
from amalfa.execution.usage import WINDOW_MAX_DAYS
from amalfa.providers.api import ApiProvider
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.pacer import Load
from amalfa.providers.provider import Line
from amalfa.server.engine import engine_of

if TYPE_CHECKING:
    from prometheus_client.core import HistogramMetricFamily, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPage(RootModel[str]):
    """Plain text in the format of Prometheus, version 0.0.4."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is so at the moment of a scrape."""

    generation: int
    running_calls: int
    unknown_cost_attempts: int
    loads: Mapping[str, Load] = field(default_factory=dict)
    lines: Mapping[tuple[str, str], Line] = field(default_factory=dict)
    """The queues of the hosts of Ollama, by provider and URL."""


async def metrics(request: Request) -> Response:
    engine = engine_of(request)
    accounts = engine.accounts
    since = accounts.clock.now() - timedelta(days=WINDOW_MAX_DAYS)
    loads = {name: one.load for name, one in engine.providers().items() if isinstance(one, ApiProvider)}
    unknown_costs = await accounts.usage.unknown_costs(since)
    lines = {
        (name, url): line
        for name, one in engine.providers().items()
        if isinstance(one, OllamaProvider)
        for url, line in one.lines.items()
    }
    gauges = Gauges(engine.generation_number, engine.running_calls, unknown_costs, loads, lines)
    return Response(metrics_text(accounts.counters, gauges), headers={"Content-Type": CONTENT_TYPE})


def metrics_text(counters: Counters, gauges: Gauges) -> bytes:
    """The whole page."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(counters, gauges))
    return generate_latest(registry)


class _Collector:
    def __init__(self, counters: Counters, gauges: Gauges) -> None:
        self._counters = counters
        self._gauges = gauges

    def collect(self) -> "Iterator[Metric]":
        yield from self._counted()
        yield from self._measured()
        yield from self._timed()

    def _counted(self) -> "Iterator[Metric]":
        counters = self._counters
        rows: tuple[tuple[str, str, Labels, Mapping[Labels, float]], ...] = (
            (
                "amalfa_selections",
                "Calls served, by model and why it was chosen.",
                ("model", "tier", "reason_code"),
                counters.selections.counts,
            ),
            ("amalfa_attempts", "Attempts at models that ended.", ("model", "outcome"), counters.attempts.counts),
            ("amalfa_cost_usd", "Known costs in USD.", ("team", "model"), counters.cost_usd.counts),
            ("amalfa_tokens", "Tokens as providers counted them.", ("model", "direction"), counters.tokens.counts),
            ("amalfa_cache_hits", "Calls served from the cache.", (), {(): counters.cache_hits.total}),
            (
                "amalfa_cache_stale",
                "Calls served from the cache with a reply past its age.",
                (),
                {(): counters.cache_stale.total},
            ),
            ("amalfa_cache_misses", "Calls that the cache had no reply for.", (), {(): counters.cache_misses.total}),
            (
                "amalfa_json_replies",
                "Replies that had to be JSON.",
                ("task", "model", "result"),
                counters.json_replies.counts,
            ),
        )
        from prometheus_client.core import CounterMetricFamily

        for name, text, labels, counts in rows:
            family = CounterMetricFamily(name, text, labels=labels)
            for values, count in counts.items():
                family.add_metric(values, count)
            yield family

    def _measured(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        gauges, ratio = self._gauges, self._counters.local_ratio
        rows: tuple[tuple[str, str, float | None], ...] = (
            ("amalfa_local_ratio", "Share of served calls that no cloud model answered.", ratio),
            ("amalfa_generation", "The configuration in force.", gauges.generation),
            ("amalfa_running_calls", "Calls under way.", gauges.running_calls),
            (
                "amalfa_unknown_cost_attempts",
                "Attempts in the ledger whose cost nobody knows.",
                gauges.unknown_cost_attempts,
            ),
        )
        for name, text, value in rows:
            if value is not None:
                yield GaugeMetricFamily(name, text, value=value)
        text = "Calls to an API that run, and that wait for their turn."
        calls = GaugeMetricFamily("amalfa_provider_calls", text, labels=("provider", "state"))
        for provider, load in gauges.loads.items():
            calls.add_metric((provider, "running"), load.running)
            for lane, waiting in load.waiting.items():
                calls.add_metric((provider, f"waiting_{lane}"), waiting)
        yield calls
        yield from self._queued()

    def _queued(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        calls = GaugeMetricFamily(
            "amalfa_host_calls", "Calls that run or wait at an Ollama.", labels=("provider", "host", "state")
        )
        swaps = CounterMetricFamily(
            "amalfa_model_swaps", "Models that made way for another, or did not have to.", labels=("host", "result")
        )
        for (provider, url), line in self._gauges.lines.items():
            states = {
                "running": line.running,
                "waiting_interactive": line.people,
                "waiting_background": line.background,
            }
            for state, count in states.items():
                calls.add_metric((provider, url, state), count)
            swaps.add_metric((url, "made"), line.swaps_made)
            swaps.add_metric((url, "avoided"), line.swaps_avoided)
        yield calls
        yield swaps

    def _timed(self) -> "Iterator[Metric]":
        from prometheus_client.core import HistogramMetricFamily

        latency = HistogramMetricFamily(
            "amalfa_latency_seconds", "Time to a whole reply.", labels=("model", "provider")
        )
        for values, times in self._counters.latency.times.items():
            _add(latency, values, times)
        yield latency
        overhead = HistogramMetricFamily("amalfa_overhead_seconds", "Time of a call that sonar itself took.", labels=())
        _add(overhead, (), self._counters.overheads.times)
        yield overhead


def _add(family: "HistogramMetricFamily", labels: Labels, times: Times) -> None:
    bounds = [*(repr(bound) for bound in times.bounds), "+Inf"]
    counts = list(accumulate(times.counts))
    family.add_metric(labels, list(zip(bounds, map(float, counts), strict=True)), times.sum_s)
