"""The JSON that goes in and out, as types: they validate requests, shape replies and make the OpenAPI page."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from amalfa.calls import CacheUse, Handling, PrivacyClass, Route, Tier, Usage, Wish
from amalfa.tasks.ask import AskInput, AskOutput, FoundPassage
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.task import QUERY_MAX_CHARACTERS, Made

TIMEOUT_MAX_MS = 3_600_000


class Body(BaseModel):
    """A request: unknown fields are errors, so that a misspelt limit is never silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class Shown(BaseModel):
    """A part of a reply, read from the attributes of what sonar uses inside."""

    model_config = ConfigDict(from_attributes=True, frozen=True, defer_build=True)


class CamelShown(Shown):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class CallBody(Body):
    """How to do a call. Each field narrows what the configuration allows and never widens it.

    `withoutPrivate` does it as if the local-only notes were not there. `noCache` asks a model, whatever is kept, and
    keeps nothing.
    """

    model: str | None = Field(default=None, min_length=1, max_length=300)
    prefer: Literal["local", "cloud"] | None = None
    team: str | None = Field(default=None, min_length=1, max_length=200)
    hint: str | None = Field(default=None, min_length=1, max_length=200)
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK
    maxCostUsd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    timeoutMs: int | None = Field(default=None, ge=1, le=TIMEOUT_MAX_MS)
    stream: bool = False
    withoutPrivate: bool = False
    noCache: bool = False

    def desk_of(self, desk: Desk) -> Desk:
        """The desk that the call may use."""
        return desk.without_private() if self.withoutPrivate else desk

    def terms(self, request_id: str) -> Terms:
        timeout_s = self.timeoutMs / 1000 if self.timeoutMs else None
        return Terms(request_id, self.wish, self.privacy, timeout_s, Handling(is_cacheable=not self.noCache))

    @property
    def wish(self) -> Wish:
        return Wish(self.model, self.prefer, self.team, self.hint, self.maxCostUsd)


class KeyedBody(CallBody):
    """A call that may be sent again without being done again: `idempotencyKey`, or the header of that name."""

    idempotencyKey: str | None = Field(default=None, min_length=1, max_length=255)


class TaskBody(KeyedBody):
    """`input` is validated by the task itself."""

    input: dict[str, object]


class AskBody(KeyedBody, AskInput):
    """A question with its terms. `contextOnly` returns the passages and asks no model."""

    contextOnly: bool = False

    def question_input(self) -> AskInput:
        return AskInput.model_construct(**{name: getattr(self, name) for name in AskInput.model_fields})


class SearchBody(Body):
    query: str = Field(min_length=1, max_length=QUERY_MAX_CHARACTERS)
    k: int = Field(default=10, ge=1, le=100)
    within: list[str] = Field(default=[], max_length=50)
    withoutPrivate: bool = False


class FoundShown(FoundPassage):
    """`summary` is what a model made of the whole note; null without a description of its text as it is."""

    summary: str | None


class SearchShown(Made):
    passages: list[FoundShown]


class ShutdownBody(Body):
    """`ifIdle` refuses (409) while calls are running."""

    ifIdle: bool = False


class JudgedShown(CamelShown):
    model: str
    verdict: str
    code: str
    detail: str
    is_wanted: bool


class AttemptShown(CamelShown):
    model: str
    outcome: str
    ms: int
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    error: str


class LeftShown(CamelShown):
    """What left this machine: to which models, how many tokens, which notes."""

    to: list[str]
    tokens: int
    notes: list[str]
    redactions: int


class HopShown(CamelShown):
    """One node of a pipeline at work: what it did, where it sent the request and by which rule."""

    node: str
    layer: int
    does: str
    model: str
    outcome: str
    ms: int
    decided: str
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None


class RouteShown(CamelShown):
    """Why this model, why not each other one, and what left the machine; null when nothing did."""

    model: str
    provider: str
    tier: Tier
    task: str
    strategy: str
    reason: str
    candidates: list[JudgedShown]
    attempts: list[AttemptShown]
    cache: CacheUse
    repairs: list[str]
    left_machine: LeftShown | None
    generation: int
    request_id: str
    hops: list[HopShown] = []


class UsageShown(Shown):
    """`cost_usd` null means unknown, never free."""

    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    ms: int


class AskShown(AskOutput):
    """The reply to a question. `model` and `tier` are null when no model was asked."""

    model: str | None
    tier: Tier | None
    route: RouteShown
    usage: UsageShown


class TaskShown(BaseModel):
    output: dict[str, object]
    route: RouteShown
    usage: UsageShown


class ProblemShown(Shown):
    path: str
    line: int | None
    message: str


class ErrorDetail(BaseModel):
    code: str
    message: str
    hint: str
    problems: list[ProblemShown] | None = None
    route: RouteShown | None = None


class ErrorShown(BaseModel):
    error: ErrorDetail


class ReloadShown(BaseModel):
    generation: int
    problems: list[ProblemShown]


class StoppingShown(BaseModel):
    stopping: bool


class HealthShown(BaseModel):
    ok: bool
    pid: int
    version: str
    protocol: int
    nonce: str


def route_json(route: Route) -> dict[str, object]:
    return RouteShown.model_validate(route).model_dump(mode="json", by_alias=True)


def usage_json(usage: Usage) -> dict[str, object]:
    return UsageShown.model_validate(usage).model_dump(mode="json")
