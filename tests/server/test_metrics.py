"""The page for Prometheus, read with Prometheus' own parser."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.execution.counters import Counters
from amalfa.execution.decisions import decision_of
from amalfa.execution.ledger import Closing, Opening
from amalfa.providers.pacer import Load
from amalfa.server.metrics import Gauges, metrics, metrics_text
from tests.execution.test_decisions import ROUTE
from tests.fakes import FakeClock, a_call
from tests.server.keeping import Keeper, keeping

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(page: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def attempt(keeper: Keeper, closing: Closing, *, task: str = "analyze", model: str = "openrouter:m") -> None:
    now = keeper.accounts.clock.now()
    privacy = PrivacyClass.CLOUD_OK
    opening = Opening("r", task, model, model.partition(":")[0], Tier.CLOUD, privacy, 1, now, team="ads")
    await keeper.ledger.close(await keeper.ledger.open(opening), closing)


async def test_what_happened_is_on_the_page(tmp_path: Path) -> None:
    async with keeping(tmp_path, "/metrics", metrics) as (keeper, client):
        await attempt(keeper, Closing("ok", Usage(10, 3, 0.25, 700), json_gate="valid"))
        await attempt(keeper, Closing("failed", Usage(cost_usd=None, ms=90), "stalled"))
        counters = keeper.accounts.counters
        counters.decided(decision_of(a_call(), ROUTE, Usage(), None, at=FakeClock().now()))
        counters.overheads.add(0.003)
        keeper.running_calls, keeper.generation_number = 4, 7
        reply = await client.get("/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    page = samples(reply.text)
    model = ("model", "openrouter:m")
    wanted: Samples = {
        ("amalfa_attempts_total", (model, ("outcome", "ok"))): 1,
        ("amalfa_attempts_total", (model, ("outcome", "stalled"))): 1,
        ("amalfa_cost_usd_total", (model, ("team", "ads"))): 0.25,
        ("amalfa_tokens_total", (("direction", "in"), model)): 10,
        ("amalfa_tokens_total", (("direction", "out"), model)): 3,
        ("amalfa_json_replies_total", (model, ("result", "valid"), ("task", "analyze"))): 1,
        ("amalfa_latency_seconds_bucket", (("le", "0.5"), model, ("provider", "openrouter"))): 0,
        ("amalfa_latency_seconds_bucket", (("le", "1.0"), model, ("provider", "openrouter"))): 1,
        ("amalfa_latency_seconds_bucket", (("le", "+Inf"), model, ("provider", "openrouter"))): 1,
        ("amalfa_latency_seconds_count", (model, ("provider", "openrouter"))): 1,
        ("amalfa_latency_seconds_sum", (model, ("provider", "openrouter"))): 0.7,
        (
            "amalfa_selections_total",
            (("model", "ollama:m"), ("reason_code", "first"), ("tier", "local")),
        ): 1,
        ("amalfa_overhead_seconds_bucket", (("le", "0.0025"),)): 0,
        ("amalfa_overhead_seconds_bucket", (("le", "0.005"),)): 1,
        ("amalfa_cache_hits_total", ()): 0,
        ("amalfa_cache_stale_total", ()): 0,
        ("amalfa_cache_misses_total", ()): 0,
        ("amalfa_local_ratio", ()): 1,
        ("amalfa_generation", ()): 7,
        ("amalfa_running_calls", ()): 4,
        ("amalfa_unknown_cost_attempts", ()): 1,
    }
    assert wanted.items() <= page.items()


async def test_counters_never_go_backwards(tmp_path: Path) -> None:
    before: Samples = {}
    async with keeping(tmp_path, "/metrics", metrics) as (keeper, client):
        for number, cost in enumerate((0.25, None, 0.5, -3.0)):
            await attempt(keeper, Closing("ok", Usage(10, 3, cost, 700 * number)))
            page = samples((await client.get("/metrics")).text)
            counted = {key: value for key, value in page.items() if key[0].endswith(("_total", "_count", "_bucket"))}
            assert all(counted[key] >= value for key, value in before.items())
            before = counted


def test_names_with_quotes_and_line_ends_stay_on_their_line() -> None:
    counters = Counters()
    counters.attempts.add(('a"b\n\\c', "ok"))
    page = metrics_text(counters, Gauges(1, 0, 0)).decode()
    assert samples(page)[("amalfa_attempts_total", (("model", 'a"b\n\\c'), ("outcome", "ok")))] == 1


def test_before_the_first_call_there_is_no_ratio() -> None:
    assert "amalfa_local_ratio" not in metrics_text(Counters(), Gauges(1, 0, 0)).decode()


def test_the_calls_that_run_and_wait_at_each_api_are_told() -> None:
    loads = {"openrouter": Load(3, 32, {"interactive": 0, "background": 7})}
    page = samples(metrics_text(Counters(), Gauges(1, 0, 0, loads)).decode())
    told = {labels: value for (name, labels), value in page.items() if name == "amalfa_provider_calls"}
    whose = ("provider", "openrouter")
    assert told == {
        (whose, ("state", "running")): 3,
        (whose, ("state", "waiting_interactive")): 0,
        (whose, ("state", "waiting_background")): 7,
    }
