"""Rows: what a call may cost at most, and what may be spent in all.

A call of these rows is 1,008 tokens at most and replies with 1,000. At $1 per million that is $0.002008 with OpenAI
and half as much again with OpenRouter, whose cheapest endpoint is the one that is listed.
"""

from amalfa.calls import Price, Steering
from amalfa.providers.provider import Presence
from tests.routing.decisions import (
    BIG,
    ENGINE,
    FREE_MODEL,
    GPT4O,
    OPUS,
    QWEN,
    Ask,
    Json,
    Now,
    Row,
    facts,
    merged,
    on,
    prefer,
    routing,
    task,
    team,
)

PRICED = merged(facts(BIG, input=1, output=1), facts(GPT4O, input=1, output=1), facts(OPUS, input=10, output=10))
OVER = {BIG: "over_budget"}
DAY, MONTH = "sonar.budget.dailyUsd", "sonar.budget.monthlyUsd"
TEAM_DAY = "sonar.teams.a.budget.dailyUsd"
UNKNOWN = "openai:o1-x"
FORWARDED = "ollama:gpt-oss:120b-cloud"
WITH_FORWARDED = Now(up={"ollama": ("qwen2.5:1.5b", "gpt-oss:120b-cloud")}, forwarded=("gpt-oss:120b-cloud",))
OWN_GPU = Now(
    user={"cloud": {"enabled": True, "provider": "ollama", "host": "gpu.lan", "model": "llama3:70b"}},
    presences={"ollama-cloud": Presence("up")},
)


def budget(**keys: object) -> Json:
    return {"budget": keys}


ROWS = [
    Row("no limit, no ceiling", on(PRICED), (BIG, QWEN, ENGINE), steering=Steering()),
    Row("no limit, an unknown price may serve", on(task(model=UNKNOWN)), (UNKNOWN, BIG, QWEN, ENGINE)),
    Row(
        "--max-cost that is enough",
        on(PRICED),
        (BIG, QWEN, ENGINE),
        ask=Ask(max_cost=0.0035),
        steering=Steering(max_price=Price(1.5, 1.5)),
    ),
    Row("--max-cost counts OpenRouter's price at its ceiling", on(PRICED), (QWEN, ENGINE), OVER, Ask(max_cost=0.0025)),
    Row(
        "--max-cost counts another's price as it is listed",
        on(PRICED),
        (GPT4O, QWEN, ENGINE),
        OVER,
        Ask(model=GPT4O, max_cost=0.0025),
    ),
    Row("--max-cost zero is the user's own machines", on(PRICED), (QWEN, ENGINE), OVER, Ask(max_cost=0)),
    Row(
        "--max-cost grows with the prompt", on(PRICED), (QWEN, ENGINE), OVER, Ask(max_cost=0.0035, prompt_bytes=12_000)
    ),
    Row("--max-cost grows with the reply", on(PRICED), (QWEN, ENGINE), OVER, Ask(max_cost=0.0035, max_tokens=4000)),
    Row(
        "--max-cost refuses an unknown price",
        on(PRICED),
        (BIG, QWEN, ENGINE),
        {UNKNOWN: "price_unknown"},
        Ask(model=UNKNOWN, max_cost=1),
    ),
    Row(
        "--max-cost lets OpenRouter be sent a ceiling for an unknown price",
        on(),
        (BIG, QWEN, ENGINE),
        ask=Ask(max_cost=1),
    ),
    Row(
        "--max-cost with -m and no fallback is over budget",
        on(PRICED, routing(fallback=False)),
        (),
        {BIG: "over_budget", QWEN: "no_fallback", ENGINE: "no_fallback"},
        Ask(model=BIG, max_cost=0.001),
        over_budget="the call's own limit",
    ),
    Row(
        "--max-cost with -m and fallback is served locally",
        on(PRICED),
        (QWEN, ENGINE),
        OVER,
        Ask(model=BIG, max_cost=0.001),
    ),
    Row(
        "--max-cost with --cloud is over budget",
        on(PRICED),
        (),
        OVER | dict.fromkeys((QWEN, ENGINE), "narrowed"),
        Ask(prefer="cloud", max_cost=0.001),
        over_budget=BIG,
    ),
    Row(
        "--max-cost with -m of an unknown price and no fallback has no second",
        on(PRICED, routing(fallback=False)),
        (),
        {UNKNOWN: "price_unknown", BIG: "no_fallback", QWEN: "no_fallback", ENGINE: "no_fallback"},
        Ask(model=UNKNOWN, max_cost=1),
        over_budget=UNKNOWN,
    ),
    Row(
        "a limit passed over moves on to a cheaper cloud",
        on(PRICED, task(model=[OPUS, GPT4O])),
        (GPT4O, BIG, QWEN, ENGINE),
        {OPUS: "over_budget"},
        Ask(max_cost=0.0035),
    ),
    Row("maxCost is as --max-cost", on(PRICED, prefer(maxCost=0.0025)), (QWEN, ENGINE), OVER),
    Row(
        "maxCost refuses an unknown price",
        on(PRICED, prefer(maxCost=1)),
        (BIG, QWEN, ENGINE),
        {UNKNOWN: "price_unknown"},
        Ask(model=UNKNOWN),
    ),
    Row(
        "maxCost is not raised by --max-cost", on(PRICED, prefer(maxCost=0.0025)), (QWEN, ENGINE), OVER, Ask(max_cost=1)
    ),
    Row(
        "maxCost may be lowered by --max-cost",
        on(PRICED, prefer(maxCost=1)),
        (QWEN, ENGINE),
        OVER,
        Ask(max_cost=0.0025),
    ),
    Row(
        "a team's own maxCost",
        on(PRICED, prefer(maxCost=1), team("a", preferences={"maxCost": 0.0025})),
        (QWEN, ENGINE),
        OVER,
        Ask(team="a"),
    ),
    Row("perRequestUsd holds for every call", on(PRICED, budget(perRequestUsd=0.0025)), (QWEN, ENGINE), OVER),
    Row(
        "perRequestUsd that is enough sets a ceiling",
        on(PRICED, budget(perRequestUsd=1)),
        (BIG, QWEN, ENGINE),
        steering=Steering(max_price=Price(1.5, 1.5)),
    ),
    Row(
        "a team's perRequestUsd narrows everybody's",
        on(PRICED, budget(perRequestUsd=1), team("a", budget={"perRequestUsd": 0.0025})),
        (QWEN, ENGINE),
        OVER,
        Ask(team="a"),
    ),
    Row(
        "a team's perRequestUsd does not widen everybody's",
        on(PRICED, budget(perRequestUsd=0.0025), team("a", budget={"perRequestUsd": 1})),
        (QWEN, ENGINE),
        OVER,
        Ask(team="a"),
    ),
    Row(
        "a team's perRequestUsd is nobody else's",
        on(PRICED, team("a", budget={"perRequestUsd": 0.0025})),
        (BIG, QWEN, ENGINE),
    ),
    Row(
        "a day with enough left",
        on(PRICED, budget(dailyUsd=5)),
        (BIG, QWEN, ENGINE),
        now=Now(left={DAY: 0.0035}),
        steering=Steering(max_price=Price(1.5, 1.5)),
    ),
    Row("a day that is spent", on(PRICED, budget(dailyUsd=5)), (QWEN, ENGINE), OVER, now=Now(left={DAY: 0.0025})),
    Row(
        "a day with enough left does not widen --max-cost",
        on(PRICED, budget(dailyUsd=5)),
        (QWEN, ENGINE),
        OVER,
        Ask(max_cost=0.0025),
    ),
    Row(
        "a wide --max-cost does not widen the day",
        on(PRICED, budget(dailyUsd=5)),
        (QWEN, ENGINE),
        OVER,
        Ask(max_cost=1),
        Now(left={DAY: 0.0025}),
    ),
    Row(
        "a month that is spent",
        on(PRICED, budget(dailyUsd=5, monthlyUsd=50)),
        (QWEN, ENGINE),
        OVER,
        now=Now(left={MONTH: 0.0}),
    ),
    Row("a day of zero dollars", on(PRICED, budget(dailyUsd=0)), (QWEN, ENGINE), OVER),
    Row(
        "a day's limit refuses an unknown price",
        on(PRICED, budget(dailyUsd=5)),
        (BIG, QWEN, ENGINE),
        {UNKNOWN: "price_unknown"},
        Ask(model=UNKNOWN),
    ),
    Row(
        "a team's day that is spent",
        on(PRICED, team("a", budget={"dailyUsd": 5})),
        (QWEN, ENGINE),
        OVER,
        Ask(team="a"),
        Now(left={TEAM_DAY: 0.0}),
    ),
    Row(
        "a team's spent day is nobody else's",
        on(PRICED, team("a", budget={"dailyUsd": 5})),
        (BIG, QWEN, ENGINE),
        now=Now(left={TEAM_DAY: 0.0}),
    ),
    Row(
        "everybody's spent day is a team's too",
        on(PRICED, budget(dailyUsd=5), team("a", budget={"dailyUsd": 5})),
        (QWEN, ENGINE),
        OVER,
        Ask(team="a"),
        Now(left={DAY: 0.0}),
    ),
    Row(
        "onLimit refuse gives no plan",
        on(PRICED, budget(dailyUsd=5, onLimit="refuse")),
        (),
        dict.fromkeys((BIG, QWEN, ENGINE), "over_budget"),
        now=Now(left={DAY: 0.0}),
        over_budget=DAY,
    ),
    Row(
        "onLimit refuse does not touch a call that is local anyway",
        on(PRICED, budget(dailyUsd=5, onLimit="refuse"), prefer(preferLocal=True)),
        (QWEN, ENGINE),
        OVER,
        now=Now(left={DAY: 0.0}),
    ),
    Row("onLimit refuse with money left serves", on(PRICED, budget(dailyUsd=5, onLimit="refuse")), (BIG, QWEN, ENGINE)),
    Row(
        "a team's onLimit refuse is the stricter",
        on(PRICED, team("a", budget={"dailyUsd": 5, "onLimit": "refuse"})),
        (),
        dict.fromkeys((BIG, QWEN, ENGINE), "over_budget"),
        Ask(team="a"),
        Now(left={TEAM_DAY: 0.0}),
        over_budget=TEAM_DAY,
    ),
    Row(
        "onLimit refuse passes over a cloud that is down, whatever it costs",
        on(PRICED, budget(dailyUsd=5, onLimit="refuse")),
        (QWEN, ENGINE),
        {BIG: "unreachable"},
        now=Now(left={DAY: 0.0}, down=("openrouter",)),
    ),
    Row(
        "a spent day with nobody else is the engine",
        on(PRICED, budget(dailyUsd=5)),
        (ENGINE,),
        OVER | {QWEN: "unreachable"},
        now=Now(left={DAY: 0.0}, down=("ollama",)),
    ),
    Row(
        "a free model serves when the day is spent",
        on(PRICED, budget(dailyUsd=5), model="google/gemma-3-27b-it:free"),
        (FREE_MODEL, QWEN, ENGINE),
        now=Now(left={DAY: 0.0}),
        steering=Steering(),
    ),
    Row(
        "a model the user calls free serves when the day is spent",
        on(facts(BIG, input=0, output=0), budget(dailyUsd=5)),
        (BIG, QWEN, ENGINE),
        now=Now(left={DAY: 0.0}),
    ),
    Row(
        "a forwarded model has no price of its own",
        on({"model": "gpt-oss:120b-cloud"}, PRICED, budget(dailyUsd=5)),
        (BIG, ENGINE),
        {FORWARDED: "price_unknown"},
        now=WITH_FORWARDED,
    ),
    Row(
        "one's own GPU server costs nothing", budget(dailyUsd=0), ("ollama-cloud:llama3:70b", QWEN, ENGINE), now=OWN_GPU
    ),
    Row("local models cost nothing", budget(dailyUsd=0, perRequestUsd=0), (QWEN, ENGINE), {BIG: "cloud_disabled"}),
]
