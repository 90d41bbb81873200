"""Rows: teams with a strategy, a chain, preferences or a say on fallback of their own."""

from tests.routing.decisions import (
    BIG,
    CHOICE,
    CLOUD_OFF,
    ENGINE,
    GPT4O,
    LLAMA,
    OPUS,
    QWEN,
    Ask,
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

ASKED = Ask(team="a")
BY_QUALITY = (GPT4O, OPUS, BIG, QWEN, ENGINE)
BY_COST = (QWEN, BIG, GPT4O, OPUS, ENGINE)
BY_MODE = (BIG, OPUS, GPT4O, QWEN, ENGINE)
WITH_LLAMA = Now(up={"ollama": ("qwen2.5:1.5b", "llama3:8b")})
GPT4O_ROUTED = "openrouter:openai/gpt-4o"

MARKETING = team(
    "marketing", strategy="cost_optimized", preferences={"maxCostPer1kTokens": 0.002}, budget={"dailyUsd": 1}
)
ENGINEERING = team(
    "engineering", preferences={"preferLocal": True, "acceptableModels": ["local:*"], "fallbackToCloud": False}
)
EXECUTIVE = team("executive", strategy="quality_first", preferences={"qualityThreshold": 0.8})
COMPANY = merged(MARKETING, ENGINEERING, EXECUTIVE)

ROWS = [
    Row(
        "a team's strategy beats the default mode",
        on(CHOICE, team("a", strategy="quality_first")),
        BY_QUALITY,
        ask=ASKED,
        why="team a, quality_first",
    ),
    Row(
        "a team's strategy beats a written mode",
        on(team("a", strategy="local_first"), mode="replace"),
        (QWEN, BIG, ENGINE),
        ask=ASKED,
        why="team a, local_first",
    ),
    Row(
        "a team's strategy beats everybody's",
        on(CHOICE, routing(strategy="cost_optimized"), team("a", strategy="quality_first")),
        BY_QUALITY,
        ask=ASKED,
    ),
    Row(
        "without the team everybody's holds",
        on(CHOICE, routing(strategy="cost_optimized"), team("a", strategy="quality_first")),
        BY_COST,
    ),
    Row(
        "another team's strategy is not taken",
        on(CHOICE, team("a"), team("b", strategy="quality_first")),
        BY_MODE,
        ask=ASKED,
    ),
    Row(
        "a team that says nothing is everybody",
        on(CHOICE, routing(strategy="cost_optimized"), team("a")),
        BY_COST,
        ask=ASKED,
    ),
    Row(
        "a team's chain replaces the models",
        on(team("a", chain=["llama3:8b", GPT4O])),
        (LLAMA, GPT4O, ENGINE),
        ask=ASKED,
        now=WITH_LLAMA,
        why="entry 1 of the chain of team a",
    ),
    Row(
        "a team's chain replaces everybody's chain",
        on(routing(chain=[BIG, QWEN]), team("a", chain=[GPT4O, QWEN])),
        (GPT4O, QWEN, ENGINE),
        ask=ASKED,
    ),
    Row(
        "everybody's chain holds for a team without an order",
        on(routing(chain=[GPT4O, QWEN]), team("a")),
        (GPT4O, QWEN, ENGINE),
        ask=ASKED,
        why="sonar.routing.chain",
    ),
    Row(
        "a team's strategy hides everybody's chain",
        on(CHOICE, routing(chain=[OPUS, QWEN]), team("a", strategy="quality_first")),
        BY_QUALITY,
        ask=ASKED,
        why="team a, quality_first",
    ),
    Row(
        "a team's empty chain hides everybody's chain and chooses nothing itself",
        on(routing(chain=[QWEN]), team("a", chain=[])),
        (BIG, QWEN, ENGINE),
        ask=ASKED,
    ),
    Row(
        "a team's preferLocal beats the mode",
        on(team("a", preferences={"preferLocal": True}), mode="replace"),
        (QWEN, BIG, ENGINE),
        ask=ASKED,
        why="preferLocal",
    ),
    Row(
        "a team's own preferLocal puts local models first, whatever its strategy",
        on(CHOICE, team("a", strategy="quality_first", preferences={"preferLocal": True})),
        (QWEN, GPT4O, OPUS, BIG, ENGINE),
        ask=ASKED,
    ),
    Row(
        "a team's strategy comes before everybody's preferLocal",
        on(CHOICE, prefer(preferLocal=True), team("a", strategy="quality_first")),
        BY_QUALITY,
        ask=ASKED,
    ),
    Row(
        "a team's chain comes before everybody's preferLocal",
        on(prefer(preferLocal=True), team("a", chain=[GPT4O, QWEN])),
        (GPT4O, QWEN, ENGINE),
        ask=ASKED,
    ),
    Row(
        "a team may take everybody's preferLocal back",
        on(prefer(preferLocal=True), team("a", preferences={"preferLocal": False})),
        (BIG, QWEN, ENGINE),
        ask=ASKED,
    ),
    Row(
        "what a team leaves out of its preferences holds for it too",
        on(
            prefer(acceptableModels=[BIG, QWEN], qualityThreshold=0.2), team("a", preferences={"qualityThreshold": 0.5})
        ),
        (BIG, ENGINE),
        {QWEN: "quality"},
        ask=ASKED,
    ),
    Row(
        "a team's acceptable models replace everybody's",
        on(prefer(acceptableModels=["local:*"]), team("a", preferences={"acceptableModels": [BIG]})),
        (BIG, ENGINE),
        {QWEN: "not_acceptable"},
        ask=ASKED,
    ),
    Row(
        "a team without fallback",
        on(team("a", fallback=False)),
        (BIG,),
        dict.fromkeys((QWEN, ENGINE), "no_fallback"),
        ask=ASKED,
    ),
    Row(
        "a team with the fallback that nobody else has",
        on(routing(fallback=False), team("a", fallback=True)),
        (BIG, QWEN, ENGINE),
        ask=ASKED,
    ),
    Row(
        "a task's tier beats a team's strategy",
        on(task(tier="cloud"), team("a", strategy="local_first")),
        (BIG, QWEN, ENGINE),
        ask=ASKED,
        why="the cloud tier",
    ),
    Row(
        "a task's model beats a team's chain",
        on(task(model=BIG), team("a", chain=[GPT4O])),
        (BIG, GPT4O, ENGINE),
        ask=ASKED,
    ),
    Row("-m beats a team's chain", on(team("a", chain=[GPT4O])), (QWEN, GPT4O, ENGINE), ask=Ask(team="a", model=QWEN)),
    Row("a team cannot switch the cloud on", team("a", strategy="quality_first"), (QWEN, ENGINE), CLOUD_OFF, ask=ASKED),
    Row(
        "cost-sensitive marketing works for nothing first",
        on(COMPANY, facts(BIG, input=0.4, output=0.4)),
        (QWEN, BIG, ENGINE),
        ask=Ask(team="marketing"),
        why="team marketing, cost_optimized: costs nothing",
    ),
    Row(
        "cost-sensitive marketing is not given a dear model",
        on(COMPANY, facts(BIG, input=0.4, output=0.4)),
        (QWEN, BIG, ENGINE),
        {GPT4O: "too_expensive"},
        ask=Ask(team="marketing", model=GPT4O),
    ),
    Row(
        "cost-sensitive marketing has a budget of its own",
        on(COMPANY, facts(BIG, input=0.4, output=0.4)),
        (QWEN, ENGINE),
        {BIG: "over_budget"},
        ask=Ask(team="marketing"),
        now=Now(left={"sonar.teams.marketing.budget.dailyUsd": 0}),
    ),
    Row(
        "privacy-first engineering stays at home",
        on(COMPANY),
        (QWEN, LLAMA, ENGINE),
        {BIG: "not_acceptable"},
        ask=Ask(team="engineering"),
        now=WITH_LLAMA,
        why="preferLocal",
    ),
    Row(
        "quality-first executive takes the best and nothing poor",
        on(COMPANY, model="openai/gpt-4o"),
        (GPT4O_ROUTED, ENGINE),
        {QWEN: "quality"},
        ask=Ask(team="executive"),
        why="team executive, quality_first",
    ),
]
