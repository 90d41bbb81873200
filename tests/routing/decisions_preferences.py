"""Rows: the preferences that put models in order, fallbackToCloud, and OPENROUTER_PREFERENCES."""

from amalfa.calls import Steering
from tests.routing.decisions import (
    BIG,
    CHOICE,
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
)

WITH_LLAMA = Now(up={"ollama": ("qwen2.5:1.5b", "llama3:8b")})
FORWARDED = "ollama:gpt-oss:120b-cloud"
WITH_FORWARDED = Now(up={"ollama": ("qwen2.5:1.5b", "gpt-oss:120b-cloud")}, forwarded=("gpt-oss:120b-cloud",))
FAST_GPT4O = {GPT4O: 900, OPUS: 6000, BIG: 3000, QWEN: 2000}


def said(json: str) -> Now:
    return Now(env={"OPENROUTER_PREFERENCES": json})


ROWS = [
    Row("preferLocal beats the default mode", on(prefer(preferLocal=True)), (QWEN, BIG, ENGINE), why="preferLocal"),
    Row("preferLocal beats a written mode", on(prefer(preferLocal=True), mode="replace"), (QWEN, BIG, ENGINE)),
    Row("preferLocal beats tiered for heavy tasks", on(prefer(preferLocal=True), mode="tiered"), (QWEN, BIG, ENGINE)),
    Row(
        "preferLocal puts local first, the strategy orders within",
        on(CHOICE, prefer(preferLocal=True), routing(strategy="quality_first")),
        (QWEN, GPT4O, OPUS, BIG, ENGINE),
    ),
    Row("preferLocal false is the mode", on(prefer(preferLocal=False)), (BIG, QWEN, ENGINE)),
    Row("a task's tier beats preferLocal", on(prefer(preferLocal=True), task(tier="cloud")), (BIG, QWEN, ENGINE)),
    Row(
        "a model forwarded to a cloud is not preferred as local",
        on({"model": "gpt-oss:120b-cloud", "modelPriority": ["qwen2.5:1.5b"]}, prefer(preferLocal=True)),
        (QWEN, BIG, FORWARDED, ENGINE),
        now=WITH_FORWARDED,
    ),
    Row(
        "preferFaster among equals",
        on(CHOICE, prefer(preferFaster=True)),
        (GPT4O, BIG, OPUS, QWEN, ENGINE),
        now=Now(took=FAST_GPT4O),
    ),
    Row(
        "preferFaster does not beat a better quality",
        on(CHOICE, prefer(preferFaster=True), routing(strategy="quality_first")),
        (GPT4O, OPUS, BIG, QWEN, ENGINE),
        now=Now(took={OPUS: 1, GPT4O: 9000}),
    ),
    Row(
        "preferFaster decides between equal qualities",
        on(CHOICE, prefer(preferFaster=True), routing(strategy="quality_first"), facts(OPUS, quality=0.88)),
        (OPUS, GPT4O, BIG, QWEN, ENGINE),
        now=Now(took={OPUS: 1, GPT4O: 9000}),
    ),
    Row(
        "preferFaster does not beat a lower price",
        on(CHOICE, prefer(preferFaster=True), routing(strategy="cost_optimized")),
        (QWEN, BIG, GPT4O, OPUS, ENGINE),
        now=Now(took={OPUS: 1, QWEN: 9000}),
    ),
    Row(
        "preferFaster among the clouds behind preferLocal",
        on(CHOICE, prefer(preferFaster=True, preferLocal=True)),
        (QWEN, GPT4O, BIG, OPUS, ENGINE),
        now=Now(took=FAST_GPT4O),
    ),
    Row(
        "preferFaster among the models of a task's tier",
        on(CHOICE, prefer(preferFaster=True), task(tier="cloud")),
        (GPT4O, BIG, OPUS, QWEN, ENGINE),
        now=Now(took=FAST_GPT4O),
    ),
    Row(
        "preferFaster among the models of a hint",
        on(CHOICE, prefer(preferFaster=True)),
        (QWEN, GPT4O, BIG, OPUS, ENGINE),
        ask=Ask(hint="prefer_local"),
        now=Now(took=FAST_GPT4O),
    ),
    Row(
        "preferFaster is told to OpenRouter",
        on(prefer(preferFaster=True)),
        (BIG, QWEN, ENGINE),
        steering=Steering("throughput"),
    ),
    Row(
        "speed_first is told to OpenRouter",
        on(routing(strategy="speed_first"), task(model=BIG)),
        (BIG, QWEN, ENGINE),
        steering=Steering("throughput"),
    ),
    Row(
        "cost_optimized is told to OpenRouter",
        on(routing(strategy="cost_optimized"), task(model=BIG)),
        (BIG, QWEN, ENGINE),
        steering=Steering("price"),
    ),
    Row("without a preference OpenRouter is told nothing", on(), (BIG, QWEN, ENGINE), steering=Steering()),
    Row(
        "fallbackToCloud false keeps a local call at home",
        on(prefer(preferLocal=True, fallbackToCloud=False)),
        (QWEN, ENGINE),
        {BIG: "no_cloud_fallback"},
    ),
    Row(
        "fallbackToCloud false holds when the local model is down",
        on(prefer(preferLocal=True, fallbackToCloud=False)),
        (ENGINE,),
        {BIG: "no_cloud_fallback", QWEN: "unreachable"},
        now=Now(down=("ollama",)),
    ),
    Row(
        "fallbackToCloud false holds when the local model is not installed",
        on(routing(strategy="local_first"), prefer(fallbackToCloud=False)),
        (ENGINE,),
        {BIG: "no_cloud_fallback", QWEN: "not_installed"},
        now=Now(up={"ollama": ()}),
    ),
    Row(
        "fallbackToCloud false lets a cloud that is first stand", on(prefer(fallbackToCloud=False)), (BIG, QWEN, ENGINE)
    ),
    Row(
        "fallbackToCloud false lets a cloud stand where no local model may serve",
        on(prefer(preferLocal=True, fallbackToCloud=False, acceptableModels=[BIG])),
        (BIG, ENGINE),
        {QWEN: "not_acceptable"},
    ),
    Row(
        "fallbackToCloud false lets -m name a cloud",
        on(prefer(preferLocal=True, fallbackToCloud=False)),
        (BIG, QWEN, ENGINE),
        ask=Ask(model=BIG),
    ),
    Row(
        "fallbackToCloud false refuses a cloud behind a local model of -m",
        on(prefer(fallbackToCloud=False)),
        (LLAMA, QWEN, ENGINE),
        {BIG: "no_cloud_fallback"},
        Ask(model=LLAMA),
        WITH_LLAMA,
    ),
    Row(
        "fallbackToCloud false refuses a cloud behind a task's local model",
        on(prefer(fallbackToCloud=False), task(model=QWEN)),
        (QWEN, ENGINE),
        {BIG: "no_cloud_fallback"},
    ),
    Row(
        "fallbackToCloud true is the default",
        on(prefer(preferLocal=True)),
        (BIG, ENGINE),
        {QWEN: "unreachable"},
        now=Now(down=("ollama",)),
    ),
    Row(
        "the environment says prefer_local",
        on(),
        (QWEN, BIG, ENGINE),
        now=said('{"prefer_local": true}'),
        why="preferLocal",
    ),
    Row(
        "the environment says no fallback to the cloud",
        on(merged(prefer(preferLocal=True))),
        (QWEN, ENGINE),
        {BIG: "no_cloud_fallback"},
        now=said('{"fallback_to_cloud": false}'),
    ),
]
