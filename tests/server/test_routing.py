"""The dry run over HTTP, over a fake that decides as a test says."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from amalfa.calls import Judged, ModelName, PrivacyClass, Tier, Wish
from amalfa.errors import AmalfaError, InvalidConfig, Problem, UsageProblem
from amalfa.execution.estimate import Estimate
from amalfa.routing.plan import Entry, Plan
from amalfa.server.dryrun import Allowance, Asked, Foreseen, Outlook
from amalfa.server.reply import error_reply
from amalfa.server.routing import CALLS_MAX, DryRunBody, DryRunShown, dry_run

EXPECTED = Estimate(10, 2_000, 4.0, "assumed", 0.001, 0.02)
REFUSED = Judged("ollama:small", "refused", "not_installed", "small is not installed.", is_wanted=True)


def to(model: str, tier: Tier = Tier.LOCAL, *, reason: str = "local by default") -> Outlook:
    provider, _, name = model.partition(":")
    entry = Entry(ModelName(provider, name), tier, reason, leaves_machine=tier is Tier.CLOUD)
    plan = Plan((entry,), (Judged(model, "planned", "planned", reason), REFUSED), "local_first")
    return Outlook("synthesize", plan, (EXPECTED,), (Allowance("sonar.budget.dailyUsd", 1.0, 0.25),))


def to_nobody(over_budget: str = "") -> Outlook:
    return Outlook("synthesize", Plan((), (REFUSED,), "local_first", over_budget=over_budget), (), ())


LOCAL, CLOUD = to("ollama:qwen"), to("openrouter:big/one", Tier.CLOUD, reason="cloud")


@dataclass
class FakeEngine:
    """Decides by the prompt; `elsewhere` is what the other configuration would do."""

    here: dict[str, Foreseen] = field(default_factory=dict)
    elsewhere: dict[str, Foreseen] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    against: Path | None = None

    def dry_run(self) -> "FakeEngine":
        return self

    async def decide(self, asked: Asked) -> Outlook:
        (found,) = await self.decide_many([asked])
        if isinstance(found, UsageProblem):
            raise found
        return found

    async def decide_many(self, asked: Sequence[Asked]) -> list[Foreseen]:
        self.asked += asked
        return [self.here.get(one.prompt, LOCAL) for one in asked]

    async def compare(self, asked: Sequence[Asked], against: Path) -> list[tuple[Foreseen, Foreseen]]:
        self.against = against
        if "broken" in against.name:
            problem = Problem(str(against), 3, "not a number")
            raise InvalidConfig("The configuration is invalid.", hint="correct it", problems=(problem,))
        return [(self.here.get(one.prompt, LOCAL), self.elsewhere.get(one.prompt, LOCAL)) for one in asked]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def client(engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    async def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, AmalfaError)
        return error_reply(error)

    row = Route("/sonar/route", dry_run, methods=["POST"])
    app = Starlette(routes=[row], exception_handlers={AmalfaError: failed})
    app.state.engine = engine
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sonar") as opened:
        yield opened


async def told(client: httpx.AsyncClient, body: object, *, status: int = 200) -> Any:
    reply = await client.post("/sonar/route", json=body)
    assert reply.status_code == status, reply.text
    return reply.json() if status == 200 else reply.json()["error"]


async def test_one_prompt_gets_its_plan_the_refused_the_estimate_and_the_limits(client: httpx.AsyncClient) -> None:
    body = await told(client, {"prompt": "hello"})
    expected = {
        "tokensIn": 10,
        "tokensOutMax": 2_000,
        "seconds": 4.0,
        "secondsSource": "assumed",
        "usdLow": 0.001,
        "usdHigh": 0.02,
    }
    assert body == {
        "task": "synthesize",
        "model": "ollama:qwen",
        "tier": "local",
        "provider": "ollama",
        "strategy": "local_first",
        "reason": "local by default",
        "plan": [
            {
                "model": "ollama:qwen",
                "tier": "local",
                "reason": "local by default",
                "leavesMachine": False,
                "estimate": expected,
            }
        ],
        "candidates": [
            {
                "model": "ollama:qwen",
                "verdict": "planned",
                "code": "planned",
                "detail": "local by default",
                "isWanted": False,
            },
            {
                "model": "ollama:small",
                "verdict": "refused",
                "code": "not_installed",
                "detail": "small is not installed.",
                "isWanted": True,
            },
        ],
        "estimate": expected,
        "limits": [{"name": "sonar.budget.dailyUsd", "usd": 1.0, "leftUsd": 0.25}],
        "overBudget": None,
    }
    DryRunShown.model_validate(body)


async def test_every_term_of_a_call_arrives(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    terms = {"task": "analyze", "model": "m", "prefer": "cloud", "team": "t", "hint": "h", "maxCostUsd": 0.5}
    await told(client, {"prompt": "hello", "privacy": "local-only", **terms})
    wish = Wish("m", "cloud", "t", "h", 0.5)
    assert engine.asked == [Asked("hello", "analyze", wish, PrivacyClass.LOCAL_ONLY)]


async def test_without_a_model_everything_is_null_but_the_reason(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.here["hello"] = to_nobody()
    body = await told(client, {"prompt": "hello"})
    assert [body[name] for name in ("model", "tier", "provider", "estimate", "overBudget")] == [None] * 5
    assert body["reason"] == "ollama:small: small is not installed."


async def test_money_as_the_reason_is_told_apart(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.here["hello"] = to_nobody("openrouter:big: it may cost up to $2")
    body = await told(client, {"prompt": "hello"})
    assert body["overBudget"] == "openrouter:big: it may cost up to $2"
    (row,) = (await told(client, {"calls": [{"prompt": "hello"}]}))["decisions"]
    assert (row["code"], row["model"]) == ("over_budget", None)


async def test_a_team_that_is_not_there_is_an_error(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.here["hello"] = UsageProblem("There is no team x.", hint="use one of a, b")
    error = await told(client, {"prompt": "hello", "team": "x"}, status=400)
    assert (error["code"], error["message"]) == ("usage", "There is no team x.")


async def test_among_many_only_the_misnamed_one_is_not_decided(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.here["bad"] = UsageProblem("There is no team x.", hint="use one of a, b")
    body = await told(client, {"calls": [{"prompt": "bad"}, {"prompt": "good", "task": "chat"}]})
    bad, good = body["decisions"]
    assert (bad["index"], bad["model"], bad["code"]) == (0, None, "usage")
    assert bad["reason"] == "There is no team x. Fix: use one of a, b"
    assert bad["estimate"] is None
    assert (good["index"], good["model"], good["code"], good["task"]) == (1, "ollama:qwen", None, "chat")
    assert good["estimate"]["usdHigh"] == 0.02
    assert body["changed"] == []


async def test_only_another_model_is_a_change(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.elsewhere = {
        "same": to("ollama:qwen", reason="for another reason"),
        "moved": CLOUD,
        "lost": to_nobody(),
        "team": UsageProblem("There is no team x."),
    }
    calls = [{"prompt": prompt} for prompt in ("same", "moved", "lost", "team")]
    body = await told(client, {"calls": calls, "against": "/there/next.json"})
    assert engine.against == Path("/there/next.json")
    assert len(body["decisions"]) == 4
    assert [one["index"] for one in body["changed"]] == [1, 2, 3]
    assert body["changed"][0] == {
        "index": 1,
        "before": {"model": "ollama:qwen", "tier": "local", "reason": "local by default", "code": None},
        "after": {"model": "openrouter:big/one", "tier": "cloud", "reason": "cloud", "code": None},
    }
    assert [one["after"]["code"] for one in body["changed"][1:]] == ["no_provider", "usage"]
    DryRunShown.model_validate(body)


async def test_a_broken_other_file_is_told_with_its_problems(client: httpx.AsyncClient) -> None:
    error = await told(client, {"calls": [{"prompt": "x"}], "against": "/there/broken.json"}, status=422)
    assert error["code"] == "invalid_config"
    assert error["problems"] == [{"path": "/there/broken.json", "line": 3, "message": "not a number"}]


@pytest.mark.parametrize("path", ["next.json", "../next.json", "~/next.json", "/a\0b"])
async def test_the_other_file_is_named_from_the_root_on(
    engine: FakeEngine, client: httpx.AsyncClient, path: str
) -> None:
    error = await told(client, {"calls": [{"prompt": "x"}], "against": path}, status=400)
    assert "absolute path" in error["message"]
    assert engine.against is None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "prompt"),
        ([], "body"),
        ("hello", "body"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "timeoutMs": 5}, "timeoutMs"),
        ({"prompt": "x", "against": "/there.json"}, "against"),
        ({"prompt": "x", "prefer": "here"}, "prefer"),
        ({"prompt": "x", "maxCostUsd": -1}, "maxCostUsd"),
        ({"calls": []}, "calls"),
        ({"calls": [{"prompt": "x"}] * (CALLS_MAX + 1)}, "calls"),
        ({"calls": [{"prompt": "x"}, {"prompt": "y", "privacy": "open"}]}, "calls.1.privacy"),
        ({"calls": [{"prompt": "x"}], "prompt": "y"}, "prompt"),
    ],
)
async def test_a_wrong_body_is_refused_by_its_field(
    engine: FakeEngine, client: httpx.AsyncClient, body: object, place: str
) -> None:
    error = await told(client, body, status=400)
    assert f" {place}: " in error["message"]
    assert engine.asked == []


def test_both_forms_are_in_the_page_of_types() -> None:
    names = DryRunBody.model_json_schema()["$defs"]
    assert {"PromptBody", "PromptsBody"} <= set(names)
