"""The dry run over HTTP: what would be done with a prompt or with many, and what another configuration would change."""

from pathlib import Path
from typing import Literal

from pydantic import Field, RootModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.calls import PrivacyClass, Tier, Wish
from amalfa.errors import NoProvider, OverBudget, UsageProblem
from amalfa.execution.estimate import Estimate
from amalfa.server.bodies import Body, CamelShown, JudgedShown
from amalfa.server.dryrun import Asked, Foreseen, Outlook
from amalfa.server.engine import engine_of
from amalfa.server.work import read_body
from amalfa.tasks.task import TEXT_MAX_CHARACTERS

USUAL_TASK = "synthesize"
"""What `amalfa ask` runs."""

CALLS_MAX = 500
PATH_MAX_CHARACTERS = 4_096


class PromptBody(Body):
    """A prompt with the terms of its call. Each field narrows what the configuration allows and never widens it."""

    prompt: str = Field(min_length=1, max_length=TEXT_MAX_CHARACTERS)
    task: str = Field(default=USUAL_TASK, min_length=1, max_length=100)
    model: str | None = Field(default=None, min_length=1, max_length=300)
    prefer: Literal["local", "cloud"] | None = None
    team: str | None = Field(default=None, min_length=1, max_length=200)
    hint: str | None = Field(default=None, min_length=1, max_length=200)
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK
    maxCostUsd: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @property
    def asked(self) -> Asked:
        wish = Wish(self.model, self.prefer, self.team, self.hint, self.maxCostUsd)
        return Asked(self.prompt, self.task, wish, self.privacy)


class PromptsBody(Body):
    """Many prompts at once. `against` is the absolute path of another configuration file to compare with."""

    calls: list[PromptBody] = Field(min_length=1, max_length=CALLS_MAX)
    against: str | None = Field(default=None, min_length=1, max_length=PATH_MAX_CHARACTERS)


class DryRunBody(RootModel[PromptBody | PromptsBody]):
    """One prompt, or many."""


class EstimateShown(CamelShown):
    """`usdLow` is for a short reply, `usdHigh` for a full one, at the listed price; null means unknown, never free."""

    tokens_in: int
    tokens_out_max: int
    seconds: float
    seconds_source: Literal["measured", "assumed"]
    usd_low: float | None
    usd_high: float | None


class PlannedShown(CamelShown):
    model: str
    tier: Tier
    reason: str
    leaves_machine: bool
    estimate: EstimateShown


class AllowanceShown(CamelShown):
    name: str
    usd: float
    left_usd: float


class OutlookShown(CamelShown):
    """The plan of one prompt. `model`, `tier`, `provider` and `estimate` are null when no model could serve."""

    task: str
    model: str | None
    tier: Tier | None
    provider: str | None
    strategy: str
    reason: str
    plan: list[PlannedShown]
    candidates: list[JudgedShown]
    estimate: EstimateShown | None
    limits: list[AllowanceShown]
    over_budget: str | None


class ChoiceShown(CamelShown):
    """What would answer. Without a model, `code` is the error that the call would end in."""

    model: str | None
    tier: Tier | None
    reason: str
    code: str | None = None


class ChoiceRowShown(ChoiceShown):
    """The choice for one prompt of many; `index` counts from 0."""

    index: int
    task: str
    estimate: EstimateShown | None


class ChangeShown(CamelShown):
    """A prompt that another model would answer under the other configuration."""

    index: int
    before: ChoiceShown
    after: ChoiceShown


class OutlooksShown(CamelShown):
    """`changed` is empty unless another configuration was named."""

    decisions: list[ChoiceRowShown]
    changed: list[ChangeShown]


class DryRunShown(RootModel[OutlookShown | OutlooksShown]):
    """The reply to one prompt, or to many."""


async def dry_run(request: Request) -> Response:
    """Decide without asking any model."""
    body: object = await request.json()
    if isinstance(body, dict) and "calls" in body:
        many = await _decide_many(request, read_body(PromptsBody, body))
        return JSONResponse(many.model_dump(mode="json", by_alias=True))
    one = await _decide_one(request, read_body(PromptBody, body))
    return JSONResponse(one.model_dump(mode="json", by_alias=True))


async def _decide_one(request: Request, body: PromptBody) -> OutlookShown:
    return _outlook(await engine_of(request).dry_run().decide(body.asked))


async def _decide_many(request: Request, body: PromptsBody) -> OutlooksShown:
    dry_run, asked = engine_of(request).dry_run(), [call.asked for call in body.calls]
    if body.against is None:
        decided = await dry_run.decide_many(asked)
        return OutlooksShown(decisions=_rows(body, decided), changed=[])
    pairs = await dry_run.compare(asked, _absolute(body.against))
    return OutlooksShown(decisions=_rows(body, [before for before, _ in pairs]), changed=_changes(pairs))


def _absolute(written: str) -> Path:
    path = Path(written)
    if not path.is_absolute() or "\0" in written:
        raise UsageProblem("`against` is no absolute path.", hint="name the other configuration file from the root on")
    return path


def _outlook(decided: Outlook) -> OutlookShown:
    plan, head = decided.plan, next(iter(decided.plan.entries), None)
    estimates = [_estimate(one) for one in decided.estimates]
    choice = _choice(decided)
    return OutlookShown(
        task=decided.task,
        model=choice.model,
        tier=choice.tier,
        provider=head.model.provider if head else None,
        strategy=plan.strategy,
        reason=choice.reason,
        plan=[
            PlannedShown(
                model=str(entry.model),
                tier=entry.tier,
                reason=entry.reason,
                leaves_machine=entry.leaves_machine,
                estimate=expected,
            )
            for entry, expected in zip(plan.entries, estimates, strict=True)
        ],
        candidates=[JudgedShown.model_validate(one) for one in plan.judged],
        estimate=next(iter(estimates), None),
        limits=[AllowanceShown.model_validate(one) for one in decided.limits],
        over_budget=plan.over_budget or None,
    )


def _rows(body: PromptsBody, decided: list[Foreseen]) -> list[ChoiceRowShown]:
    rows = []
    for index, (call, one) in enumerate(zip(body.calls, decided, strict=True)):
        estimates = () if isinstance(one, UsageProblem) else one.estimates
        expected = next((_estimate(found) for found in estimates), None)
        rows.append(ChoiceRowShown(**_choice(one).model_dump(), index=index, task=call.task, estimate=expected))
    return rows


def _changes(pairs: list[tuple[Foreseen, Foreseen]]) -> list[ChangeShown]:
    """The prompts that would go to another model; another reason for the same one is no change."""
    choices = ((_choice(before), _choice(after)) for before, after in pairs)
    return [
        ChangeShown(index=index, before=before, after=after)
        for index, (before, after) in enumerate(choices)
        if (before.model, before.tier, before.code) != (after.model, after.tier, after.code)
    ]


def _choice(decided: Foreseen) -> ChoiceShown:
    if isinstance(decided, UsageProblem):
        return ChoiceShown(model=None, tier=None, reason=str(decided), code=decided.code)
    plan, head = decided.plan, next(iter(decided.plan.entries), None)
    if head:
        return ChoiceShown(model=str(head.model), tier=head.tier, reason=head.reason)
    if plan.over_budget:
        return ChoiceShown(model=None, tier=None, reason=f"{plan.over_budget}.", code=OverBudget.code)
    refused = " ".join(f"{one.model}: {one.detail.rstrip('.')}." for one in plan.judged)
    return ChoiceShown(model=None, tier=None, reason=refused, code=NoProvider.code)


def _estimate(found: Estimate) -> EstimateShown:
    return EstimateShown.model_validate(found)
