"""What OpenTelemetry is told of calls and attempts."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import ModuleType

import pytest

from amalfa.calls import PrivacyClass, Tier, Usage, Wish
from amalfa.errors import NoProvider, UpstreamBroken
from amalfa.execution.ledger import Opening
from amalfa.execution.spans import NoTracer, SpanTracer, find_tracer
from tests.execution.test_decisions import ROUTE
from tests.fakes import a_call

OPENING = Opening(
    "req_1",
    "synthesize",
    "openrouter:qwen/qwen-2.5-72b-instruct:free",
    "openrouter",
    Tier.CLOUD,
    PrivacyClass.CLOUD_OK,
    1,
    datetime(2026, 11, 20, tzinfo=UTC),
    team="ads",
    strategy="cost_optimized",
    reserved_usd=0.25,
)


@dataclass
class FakeSpan:
    name: str
    kind: str
    attributes: dict[str, object]
    status: str = "unset"
    is_over: bool = False

    def set_attributes(self, attributes: Mapping[str, object], /) -> None:
        self.attributes |= attributes

    def set_status(self, status: str, /) -> None:
        self.status = status


class Kinds:
    class SpanKind:
        INTERNAL = "internal"
        CLIENT = "client"

    class StatusCode:
        ERROR = "error"


@dataclass
class FakeSource:
    spans: list[FakeSpan] = field(default_factory=list)

    @contextmanager
    def start_as_current_span(
        self,
        name: str,
        *,
        kind: str,
        attributes: dict[str, object],
        record_exception: bool,
        set_status_on_exception: bool,
    ) -> Iterator[FakeSpan]:
        assert (record_exception, set_status_on_exception) == (False, False)
        assert None not in attributes.values()
        span = FakeSpan(name, kind, dict(attributes))
        self.spans.append(span)
        try:
            yield span
        finally:
            span.is_over = True


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def tracer(source: FakeSource) -> SpanTracer:
    return SpanTracer(source, Kinds())  # type: ignore[arg-type]  # enumerations that are classes of strings


def test_an_attempt_is_a_client_span_in_the_words_of_the_convention(source: FakeSource, tracer: SpanTracer) -> None:
    with tracer.attempt(OPENING) as attempt:
        attempt.ended(Usage(10, 3, 0.002, 40), model="qwen/other", generation_id="gen-1", error=None)
    (span,) = source.spans
    assert (span.name, span.kind, span.status, span.is_over) == (
        "chat qwen/qwen-2.5-72b-instruct:free",
        "client",
        "unset",
        True,
    )
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openrouter",
        "gen_ai.system": "openrouter",
        "gen_ai.request.model": "qwen/qwen-2.5-72b-instruct:free",
        "gen_ai.response.model": "qwen/other",
        "gen_ai.response.id": "gen-1",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 3,
        "amalfa.cost_usd": 0.002,
        "amalfa.tier": "cloud",
        "amalfa.team": "ads",
        "amalfa.strategy": "cost_optimized",
        "amalfa.reserved_usd": 0.25,
    }
    assert wanted.items() <= span.attributes.items()


def test_a_failure_is_told_by_its_code_and_not_by_its_words(source: FakeSource, tracer: SpanTracer) -> None:
    with tracer.attempt(OPENING) as attempt:
        error = UpstreamBroken("it said: hello there")
        attempt.ended(Usage(), model=None, generation_id=None, error=error)
    (span,) = source.spans
    assert (span.status, span.attributes["error.type"]) == ("error", "upstream_broken")
    assert "gen_ai.usage.input_tokens" not in span.attributes
    assert "amalfa.cost_usd" not in span.attributes
    assert "hello there" not in repr(source.spans)


def test_a_call_says_which_model_served_and_why(source: FakeSource, tracer: SpanTracer) -> None:
    call = replace(a_call(), wish=Wish(team="ads", hint="draft"))
    with tracer.call(call) as span, tracer.attempt(OPENING):
        span.ended(ROUTE, Usage(10, 3, None, 40), None)
    outer, inner = source.spans
    assert (outer.name, outer.kind, inner.kind) == ("amalfa synthesize", "internal", "client")
    assert outer.attributes["gen_ai.response.model"] == "ollama:m"
    assert outer.attributes["amalfa.reason"] == "first"
    assert (outer.attributes["amalfa.team"], outer.attributes["amalfa.hint"]) == ("ads", "draft")
    assert outer.attributes["amalfa.left_machine"] is False
    assert "hello there" not in repr(source.spans), "the text of the prompt"


def test_a_call_that_nobody_served_names_no_model(source: FakeSource, tracer: SpanTracer) -> None:
    with tracer.call(a_call()) as span:
        span.ended(replace(ROUTE, model="", reason="hello there"), Usage(), NoProvider("hello there"))
    (told,) = source.spans
    assert (told.status, told.attributes["error.type"]) == ("error", "no_provider")
    assert "gen_ai.response.model" not in told.attributes
    assert "hello there" not in repr(told)


def test_an_exception_passes_through_and_ends_the_span(source: FakeSource, tracer: SpanTracer) -> None:
    with pytest.raises(ZeroDivisionError), tracer.attempt(OPENING):
        raise ZeroDivisionError
    assert source.spans[0].is_over


def test_without_the_package_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    tracer = find_tracer()
    assert isinstance(tracer, NoTracer)
    with tracer.call(a_call()) as call, tracer.attempt(OPENING) as attempt:
        attempt.ended(Usage(), model=None, generation_id=None, error=None)
        call.ended(ROUTE, Usage(), None)


def test_with_the_package_its_tracer_is_used(monkeypatch: pytest.MonkeyPatch, source: FakeSource) -> None:
    names: list[str] = []
    package, module = ModuleType("opentelemetry"), ModuleType("opentelemetry.trace")

    def get_tracer(name: str, version: str) -> FakeSource:
        names.append(name)
        return source

    vars(module).update(get_tracer=get_tracer, SpanKind=Kinds.SpanKind, StatusCode=Kinds.StatusCode)
    monkeypatch.setitem(sys.modules, "opentelemetry", package)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    assert importlib.import_module("opentelemetry.trace") is module
    with find_tracer().attempt(OPENING):
        pass
    assert names == ["amalfa"]
    assert len(source.spans) == 1
