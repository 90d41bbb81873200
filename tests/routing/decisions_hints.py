"""Rows: hints, of the call and of its task, by a name of the configuration or by the preference itself."""

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
    merged,
    on,
    prefer,
    routing,
    task,
    team,
)

HINTS = routing(
    hints={"code_generation": "prefer_local", "documentation": "prefer_quality", "debugging": "prefer_fast"}
)
NAMED = merged(CHOICE, HINTS)
BY_QUALITY = (GPT4O, OPUS, BIG, QWEN, ENGINE)
BY_COST = (QWEN, BIG, GPT4O, OPUS, ENGINE)
FAST = Now(took={GPT4O: 900, QWEN: 2000, BIG: 3000, OPUS: 6000}, in_memory=("qwen2.5:1.5b",))

ROWS = [
    Row(
        "code_generation is prefer_local",
        on(NAMED),
        (QWEN, BIG, OPUS, GPT4O, ENGINE),
        ask=Ask(hint="code_generation"),
        why="code_generation",
    ),
    Row("documentation is prefer_quality", on(NAMED), BY_QUALITY, ask=Ask(hint="documentation"), why="documentation"),
    Row(
        "debugging is prefer_fast",
        on(NAMED),
        (GPT4O, QWEN, BIG, OPUS, ENGINE),
        ask=Ask(hint="debugging"),
        now=FAST,
        why="debugging",
    ),
    Row(
        "prefer_local is for all local models",
        on({"modelPriority": ["llama3:8b"]}),
        (QWEN, LLAMA, BIG, ENGINE),
        ask=Ask(hint="prefer_local"),
        now=Now(up={"ollama": ("qwen2.5:1.5b", "llama3:8b")}),
    ),
    Row("a preference by its own name", on(CHOICE), BY_QUALITY, ask=Ask(hint="prefer_quality"), why="prefer_quality"),
    Row("prefer_local by its own name", on(), (QWEN, BIG, ENGINE), ask=Ask(hint="prefer_local")),
    Row("prefer_cheap by its own name", on(CHOICE), BY_COST, ask=Ask(hint="prefer_cheap")),
    Row(
        "prefer_fast by its own name",
        on(CHOICE),
        (GPT4O, QWEN, BIG, OPUS, ENGINE),
        ask=Ask(hint="prefer_fast"),
        now=FAST,
    ),
    Row("a task's hint", on(NAMED, task(hint="documentation")), BY_QUALITY, why="documentation"),
    Row("another task's hint is none", on(NAMED, task("chat", hint="documentation")), (BIG, OPUS, GPT4O, QWEN, ENGINE)),
    Row(
        "the call's hint beats the task's",
        on(CHOICE, task(hint="prefer_quality")),
        BY_COST,
        ask=Ask(hint="prefer_cheap"),
    ),
    Row("a hint beats the mode", on(mode="replace"), (QWEN, BIG, ENGINE), ask=Ask(hint="prefer_local")),
    Row(
        "a hint beats a strategy",
        on(CHOICE, routing(strategy="cost_optimized")),
        BY_QUALITY,
        ask=Ask(hint="prefer_quality"),
    ),
    Row("a hint beats preferLocal", on(CHOICE, prefer(preferLocal=True)), BY_QUALITY, ask=Ask(hint="prefer_quality")),
    Row(
        "a hint beats a team's strategy",
        on(CHOICE, team("marketing", strategy="cost_optimized")),
        BY_QUALITY,
        ask=Ask(hint="prefer_quality", team="marketing"),
    ),
    Row(
        "a hint orders the models of a chain",
        on(routing(chain=["llama3:8b", GPT4O])),
        (GPT4O, LLAMA, ENGINE),
        ask=Ask(hint="prefer_quality"),
        now=Now(up={"ollama": ("llama3:8b",)}),
        why="prefer_quality",
    ),
    Row(
        "a task's tier beats a hint",
        on(task(tier="cloud")),
        (BIG, QWEN, ENGINE),
        ask=Ask(hint="prefer_local"),
        why="the cloud tier",
    ),
    Row(
        "a task's tier leaves the hint the order within",
        on(CHOICE, task(tier="cloud")),
        (GPT4O, OPUS, BIG, QWEN, ENGINE),
        ask=Ask(hint="prefer_quality"),
    ),
    Row("-m beats a hint", on(), (BIG, QWEN, ENGINE), ask=Ask(model=BIG, hint="prefer_local"), why="asked for by name"),
    Row("a task's model beats a hint", on(task(model=BIG)), (BIG, QWEN, ENGINE), ask=Ask(hint="prefer_local")),
    Row("a hint cannot switch the cloud on", {}, (QWEN, ENGINE), CLOUD_OFF, ask=Ask(hint="prefer_quality")),
    Row(
        "a team's own hint replaces everybody's",
        on(NAMED, team("marketing", hints={"documentation": "prefer_cheap"})),
        BY_COST,
        ask=Ask(hint="documentation", team="marketing"),
    ),
    Row(
        "everybody's hints hold for a team as well",
        on(NAMED, team("marketing", hints={"copy": "prefer_cheap"})),
        BY_QUALITY,
        ask=Ask(hint="documentation", team="marketing"),
    ),
]
