"""Tells OpenTelemetry of calls and attempts, in the words of its conventions for generative AI. Never any text.

Works where the `telemetry` extra is installed and somebody has set up an exporter, for example by starting sonar with
`opentelemetry-instrument`; else nothing happens. Messages of failures are left out as well, as they may quote replies.
"""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from amalfa import __version__
from amalfa.calls import Call, Route, Usage
from amalfa.errors import AmalfaError
from amalfa.execution.ledger import Opening

OPERATION = "chat"

Attributes = dict[str, str | int | float | bool]


class CallSpan(Protocol):
    """A call under way."""

    def ended(self, route: Route, usage: Usage, error: AmalfaError | None) -> None: ...


class AttemptSpan(Protocol):
    """An attempt under way."""

    def ended(self, usage: Usage, *, model: str | None, generation_id: str | None, error: AmalfaError | None) -> None:
        """`model` is the name that the provider says answered."""
        ...


class Tracer(Protocol):
    """Who is told when calls and attempts begin and end; attempts inside the block of a call belong to it."""

    def call(self, call: Call) -> AbstractContextManager[CallSpan]: ...

    def attempt(self, opening: Opening) -> AbstractContextManager[AttemptSpan]: ...


class Span(Protocol):
    """What is used of an OpenTelemetry span."""

    def set_attributes(self, attributes: Mapping[str, Any], /) -> None: ...

    def set_status(self, status: Any, /) -> None: ...


class Kinds(Protocol):
    """What is used of the module `opentelemetry.trace`."""

    SpanKind: Any
    StatusCode: Any


class SpanSource(Protocol):
    """What is used of an OpenTelemetry tracer."""

    def start_as_current_span(
        self,
        name: str,
        *,
        kind: Any,
        attributes: Attributes,
        record_exception: bool,
        set_status_on_exception: bool,
    ) -> AbstractContextManager[Span]: ...


def find_tracer() -> Tracer:
    """The tracer of OpenTelemetry where its API is installed, else one that does nothing."""
    try:
        trace: Any = importlib.import_module("opentelemetry.trace")
    except ImportError:
        return NoTracer()
    return SpanTracer(trace.get_tracer("amalfa", __version__), trace)


class NoTracer:
    """Tells nobody."""

    @contextmanager
    def call(self, call: Call) -> Iterator[CallSpan]:
        yield _NoSpan()

    @contextmanager
    def attempt(self, opening: Opening) -> Iterator[AttemptSpan]:
        yield _NoSpan()


class _NoSpan:
    def ended(self, *_: object, **__: object) -> None:
        """Nobody is told."""


class SpanTracer:
    """Makes a span of each call and of each attempt."""

    def __init__(self, source: SpanSource, kinds: Kinds) -> None:
        self._source = source
        self._kinds = kinds

    @contextmanager
    def call(self, call: Call) -> Iterator[CallSpan]:
        attributes: Attributes = {
            "gen_ai.operation.name": OPERATION,
            "amalfa.task": call.task,
            "amalfa.request_id": call.request_id,
            "amalfa.privacy": str(call.privacy),
            **_given({"amalfa.team": call.wish.team, "amalfa.hint": call.wish.hint}),
        }
        with self._span(f"amalfa {call.task}", self._kinds.SpanKind.INTERNAL, attributes) as span:
            yield _CallSpan(span, self._kinds)

    @contextmanager
    def attempt(self, opening: Opening) -> Iterator[AttemptSpan]:
        model = opening.model.partition(":")[2] or opening.model
        attributes: Attributes = {
            "gen_ai.operation.name": OPERATION,
            "gen_ai.provider.name": opening.provider,
            "gen_ai.system": opening.provider,
            "gen_ai.request.model": model,
            "amalfa.task": opening.task,
            "amalfa.request_id": opening.request_id,
            "amalfa.tier": str(opening.tier),
            "amalfa.strategy": opening.strategy,
            "amalfa.generation": opening.generation,
            **_given({"amalfa.team": opening.team, "amalfa.reserved_usd": opening.reserved_usd}),
        }
        with self._span(f"{OPERATION} {model}", self._kinds.SpanKind.CLIENT, attributes) as span:
            yield _AttemptSpan(span, self._kinds)

    def _span(self, name: str, kind: object, attributes: Attributes) -> AbstractContextManager[Span]:
        return self._source.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        )


class _CallSpan:
    def __init__(self, span: Span, kinds: Kinds) -> None:
        self._span = span
        self._kinds = kinds

    def ended(self, route: Route, usage: Usage, error: AmalfaError | None) -> None:
        code = next((one.code for one in route.candidates if one.model == route.model), "")
        served = {
            "gen_ai.response.model": route.model,
            "gen_ai.provider.name": route.provider,
            "amalfa.tier": str(route.tier),
            "amalfa.reason": code,
        }
        self._span.set_attributes(
            {
                **(served if route.model else {}),
                **_counted(usage),
                "amalfa.strategy": route.strategy,
                "amalfa.attempts": len(route.attempts),
                "amalfa.cache": route.cache,
                "amalfa.left_machine": route.left_machine is not None,
            }
        )
        _mark(self._span, self._kinds, error)


class _AttemptSpan:
    def __init__(self, span: Span, kinds: Kinds) -> None:
        self._span = span
        self._kinds = kinds

    def ended(self, usage: Usage, *, model: str | None, generation_id: str | None, error: AmalfaError | None) -> None:
        names = _given({"gen_ai.response.model": model, "gen_ai.response.id": generation_id})
        self._span.set_attributes({**names, **_counted(usage)})
        _mark(self._span, self._kinds, error)


def _counted(usage: Usage) -> Attributes:
    return _given(
        {
            "gen_ai.usage.input_tokens": usage.tokens_in,
            "gen_ai.usage.output_tokens": usage.tokens_out,
            "amalfa.cost_usd": usage.cost_usd,
        }
    )


def _given(values: Mapping[str, str | int | float | None]) -> Attributes:
    """Without what is not known: OpenTelemetry has no null."""
    return {name: value for name, value in values.items() if value is not None}


def _mark(span: Span, kinds: Kinds, error: AmalfaError | None) -> None:
    if error is not None:
        span.set_attributes({"error.type": error.code})
        span.set_status(kinds.StatusCode.ERROR)
