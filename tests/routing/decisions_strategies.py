"""Rows: the four strategies, written or not, beside the mode, written or not."""

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
)

OFF_FOUR = dict.fromkeys((BIG, GPT4O, OPUS), "cloud_disabled")
MEASURED = Now(took={GPT4O: 900, QWEN: 2000, BIG: 3000, OPUS: 6000}, in_memory=("qwen2.5:1.5b",))
# Cheap to read and dear to write, and the other way round.
SPLIT = merged(
    routing(strategy="cost_optimized"),
    prefer(acceptableModels=[GPT4O, OPUS]),
    facts(GPT4O, input=1, output=10),
    facts(OPUS, input=3, output=1),
)
NOT_SPLIT = dict.fromkeys((QWEN, BIG), "not_acceptable")


def by(strategy: str) -> dict[str, object]:
    return merged(CHOICE, routing(strategy=strategy))


ROWS = [
    Row("nothing written is the mode", on(CHOICE), (BIG, OPUS, GPT4O, QWEN, ENGINE), why="mode is replace"),
    Row(
        "local_first written beats the default mode",
        on(routing(strategy="local_first")),
        (QWEN, BIG, ENGINE),
        why="local_first",
    ),
    Row(
        "local_first under a written replace is cloud first",
        on(routing(strategy="local_first"), mode="replace"),
        (BIG, QWEN, ENGINE),
    ),
    Row(
        "local_first is for all local models",
        on(routing(strategy="local_first"), {"modelPriority": ["llama3:8b"]}),
        (QWEN, LLAMA, BIG, ENGINE),
        now=Now(up={"ollama": ("qwen2.5:1.5b", "llama3:8b")}),
    ),
    Row("what is named comes before what a glob lets in", on(by("local_first")), (QWEN, BIG, OPUS, GPT4O, ENGINE)),
    Row(
        "cost_optimized goes by price", on(by("cost_optimized")), (QWEN, BIG, GPT4O, OPUS, ENGINE), why="costs nothing"
    ),
    Row("quality_first goes by quality", on(by("quality_first")), (GPT4O, OPUS, BIG, QWEN, ENGINE), why="quality 0.88"),
    Row(
        "speed_first goes by what was measured",
        on(by("speed_first")),
        (GPT4O, QWEN, BIG, OPUS, ENGINE),
        now=MEASURED,
        why="about 0.9 s (measured)",
    ),
    Row(
        "speed_first counts what loading takes",
        on(by("speed_first")),
        (GPT4O, BIG, OPUS, QWEN, ENGINE),
        now=Now(took=MEASURED.took),
    ),
    Row(
        "speed_first takes a small model in memory to be faster than a cloud nobody measured",
        on(routing(strategy="speed_first"), {"modelPriority": ["llama3:8b"]}),
        (LLAMA, BIG, ENGINE),
        {QWEN: "not_installed"},
        now=Now(up={"ollama": ("llama3:8b",)}, in_memory=("llama3:8b",)),
    ),
    Row(
        "speed_first says what nobody measured",
        routing(strategy="speed_first"),
        (QWEN, ENGINE),
        CLOUD_OFF,
        why="not measured yet",
    ),
    Row(
        "speed_first takes a loaded local model that is the fastest",
        on(by("speed_first")),
        (QWEN, GPT4O, BIG, OPUS, ENGINE),
        now=Now(took={**MEASURED.took, QWEN: 400}, in_memory=("qwen2.5:1.5b",)),
    ),
    Row(
        "replace written gives the tiers, cost the order within",
        on(by("cost_optimized"), mode="replace"),
        (BIG, GPT4O, OPUS, QWEN, ENGINE),
    ),
    Row(
        "replace written gives the tiers, quality the order within",
        on(by("quality_first"), mode="replace"),
        (GPT4O, OPUS, BIG, QWEN, ENGINE),
    ),
    Row(
        "replace written gives the tiers, speed the order within",
        on(by("speed_first"), mode="replace"),
        (GPT4O, BIG, OPUS, QWEN, ENGINE),
        now=Now(took={**MEASURED.took, QWEN: 1}, in_memory=("qwen2.5:1.5b",)),
    ),
    Row(
        "tiered written and a light task: local, then the clouds by quality",
        on(by("quality_first"), mode="tiered"),
        (QWEN, GPT4O, OPUS, BIG, ENGINE),
        ask=Ask(task="analyze"),
    ),
    Row(
        "tiered written and a heavy task: the clouds by cost, then local",
        on(by("cost_optimized"), mode="tiered"),
        (BIG, GPT4O, OPUS, QWEN, ENGINE),
    ),
    Row("a strategy with the cloud off", by("quality_first"), (QWEN, ENGINE), OFF_FOUR),
    Row(
        "an unknown price counts as dear",
        on(
            routing(strategy="cost_optimized"),
            prefer(acceptableModels=["openai:*o1-x", BIG]),
            facts("openai:o1-x", quality=1),
            facts(BIG, input=50, output=50),
        ),
        (BIG, "openai:o1-x", ENGINE),
        {QWEN: "not_acceptable"},
    ),
    Row(
        "an unknown quality counts as poor",
        on(routing(strategy="quality_first"), {"model": "mine"}, facts(BIG, quality=0.1)),
        (BIG, "ollama:mine", ENGINE),
        now=Now(up={"ollama": ("mine:latest",)}),
    ),
    Row(
        "a long prompt goes where reading is cheap",
        on(SPLIT),
        (GPT4O, OPUS, ENGINE),
        NOT_SPLIT,
        Ask(prompt_bytes=40_000, max_tokens=100),
    ),
    Row(
        "a long reply comes from where writing is cheap",
        on(SPLIT),
        (OPUS, GPT4O, ENGINE),
        NOT_SPLIT,
        Ask(prompt_bytes=400, max_tokens=4000),
    ),
    Row(
        "a price of one's own counts",
        on(by("cost_optimized"), facts(OPUS, input=0.1, output=0.1)),
        (QWEN, OPUS, BIG, GPT4O, ENGINE),
    ),
    Row(
        "a quality of one's own counts",
        on(by("quality_first"), facts(QWEN, quality=0.99)),
        (QWEN, GPT4O, OPUS, BIG, ENGINE),
    ),
    Row(
        "equal quality goes to the cheaper",
        on(by("quality_first"), facts(OPUS, quality=0.88, input=2, output=90)),
        (GPT4O, OPUS, BIG, QWEN, ENGINE),
    ),
    Row(
        "equal cost goes to the better",
        on(by("cost_optimized"), facts(OPUS, input=2.5, output=10)),
        (QWEN, BIG, GPT4O, OPUS, ENGINE),
    ),
    Row(
        "the environment writes a strategy",
        on(CHOICE),
        (GPT4O, OPUS, BIG, QWEN, ENGINE),
        now=Now(env={"LLM_ROUTING_STRATEGY": "quality_first"}),
        why="quality_first",
    ),
    Row(
        "the user's own configuration writes a strategy",
        on(),
        (QWEN, BIG, ENGINE),
        now=Now(user=routing(strategy="local_first")),
        why="local_first",
    ),
    Row(
        "the user's own configuration writes a mode",
        on(by("cost_optimized")),
        (BIG, GPT4O, OPUS, QWEN, ENGINE),
        now=Now(user={"cloud": {"mode": "replace"}}),
    ),
    Row("the engine is last by cost", routing(strategy="cost_optimized"), (QWEN, ENGINE), CLOUD_OFF),
    Row(
        "the engine is last by speed",
        routing(strategy="speed_first"),
        (QWEN, ENGINE),
        CLOUD_OFF,
        now=Now(took={QWEN: 60_000}),
    ),
]
