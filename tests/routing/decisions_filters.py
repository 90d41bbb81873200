"""Rows: the preferences that rule models out: acceptableModels, qualityThreshold, maxCostPer1kTokens."""

from amalfa.calls import Price, Steering
from tests.routing.decisions import (
    BIG,
    CHOICE,
    CLOUD_OFF,
    ENGINE,
    GPT4O,
    LLAMA,
    OPUS,
    PHI,
    QWEN,
    Ask,
    Now,
    Row,
    facts,
    on,
    prefer,
    task,
)

WITH_LLAMA = Now(up={"ollama": ("qwen2.5:1.5b", "llama3:8b")})
FORWARDED = "ollama:gpt-oss:120b-cloud"
WITH_FORWARDED = Now(up={"ollama": ("qwen2.5:1.5b", "gpt-oss:120b-cloud")}, forwarded=("gpt-oss:120b-cloud",))


def said(json: str) -> Now:
    return Now(env={"OPENROUTER_PREFERENCES": json})


ROWS = [
    Row(
        "acceptableModels local:* refuse every cloud",
        on(prefer(acceptableModels=["local:*"])),
        (QWEN, ENGINE),
        {BIG: "not_acceptable"},
    ),
    Row(
        "acceptableModels let installed models in, behind the configured one",
        on(prefer(acceptableModels=["local:*"])),
        (QWEN, LLAMA, ENGINE),
        {BIG: "not_acceptable"},
        now=WITH_LLAMA,
    ),
    Row(
        "local:* is not a model that is forwarded to a cloud",
        on(prefer(acceptableModels=["local:*"])),
        (QWEN, ENGINE),
        {BIG: "not_acceptable"},
        now=WITH_FORWARDED,
    ),
    Row(
        "local:* is not a forwarded model that was configured",
        on({"modelPriority": ["gpt-oss:120b-cloud"]}, prefer(acceptableModels=["local:*"])),
        (QWEN, ENGINE),
        {BIG: "not_acceptable", FORWARDED: "not_acceptable"},
        now=WITH_FORWARDED,
    ),
    Row(
        "acceptableModels let clouds of the catalogue in, behind the configured one",
        on(prefer(acceptableModels=[BIG, "openai:gpt-4o", "ollama:qwen*"])),
        (BIG, GPT4O, QWEN, ENGINE),
    ),
    Row(
        "acceptableModels let clouds in that the user described",
        on(prefer(acceptableModels=[BIG, "openrouter:acme/*"]), facts("acme/one", quality=0.5)),
        (BIG, "openrouter:acme/one", ENGINE),
        {QWEN: "not_acceptable"},
    ),
    Row(
        "acceptableModels let no cloud in while the cloud is off",
        prefer(acceptableModels=["*:gpt-4o", QWEN]),
        (QWEN, ENGINE),
        {BIG: "cloud_disabled", GPT4O: "cloud_disabled"},
    ),
    Row(
        "acceptableModels let nothing in that is not installed",
        on(prefer(acceptableModels=["ollama:llama3*", BIG])),
        (BIG, ENGINE),
        {QWEN: "not_acceptable"},
    ),
    Row(
        "a glob without a provider and without a slash is Ollama's",
        on(prefer(acceptableModels=["qwen2.5:*"])),
        (QWEN, ENGINE),
        {BIG: "not_acceptable"},
    ),
    Row(
        "a glob without a provider and with a slash is OpenRouter's",
        on(prefer(acceptableModels=["qwen/qwen-2.5-72b-*"])),
        (BIG, ENGINE),
        {QWEN: "not_acceptable"},
    ),
    Row(
        "a glob may be for one family of a local tier",
        on(prefer(acceptableModels=["local:llama3:*", BIG])),
        (BIG, LLAMA, ENGINE),
        {QWEN: "not_acceptable"},
        now=WITH_LLAMA,
    ),
    Row(
        "-m does not widen acceptableModels",
        on(prefer(acceptableModels=["local:*"])),
        (QWEN, ENGINE),
        {BIG: "not_acceptable", OPUS: "not_acceptable"},
        Ask(model=OPUS),
    ),
    Row(
        "a task's model does not widen acceptableModels",
        on(prefer(acceptableModels=[BIG]), task(model=PHI)),
        (BIG, ENGINE),
        {QWEN: "not_acceptable", PHI: "not_acceptable"},
    ),
    Row(
        "qualityThreshold refuses what is poorer",
        on(prefer(qualityThreshold=0.6), facts(QWEN, quality=0.59), facts(BIG, quality=0.6)),
        (BIG, ENGINE),
        {QWEN: "quality"},
    ),
    Row(
        "qualityThreshold refuses what nobody rated",
        on(prefer(qualityThreshold=0.1), {"model": "mine"}, facts(BIG, quality=0.6)),
        (BIG, ENGINE),
        {"ollama:mine": "quality_unknown"},
        now=Now(up={"ollama": ("mine:latest",)}),
    ),
    Row(
        "qualityThreshold holds for -m",
        on(prefer(qualityThreshold=0.6), facts(QWEN, quality=0.5), facts(BIG, quality=0.6)),
        (BIG, ENGINE),
        {QWEN: "quality"},
        Ask(model=QWEN),
    ),
    Row(
        "qualityThreshold 0 asks for a known quality",
        on(prefer(qualityThreshold=0), {"model": "mine"}, facts(BIG, quality=0.0)),
        (BIG, ENGINE),
        {"ollama:mine": "quality_unknown"},
        now=Now(up={"ollama": ("mine:latest",)}),
    ),
    Row(
        "maxCostPer1kTokens refuses what costs more",
        on(CHOICE, prefer(maxCostPer1kTokens=0.005)),
        (BIG, QWEN, ENGINE),
        {GPT4O: "too_expensive", OPUS: "too_expensive"},
    ),
    Row(
        "maxCostPer1kTokens takes what costs just that",
        on(CHOICE, prefer(maxCostPer1kTokens=0.01)),
        (BIG, GPT4O, QWEN, ENGINE),
        {OPUS: "too_expensive"},
    ),
    Row(
        "maxCostPer1kTokens refuses an unknown price",
        on(prefer(maxCostPer1kTokens=1)),
        (BIG, QWEN, ENGINE),
        {"openai:o1-x": "price_unknown"},
        Ask(model="openai:o1-x"),
    ),
    Row(
        "maxCostPer1kTokens is told to OpenRouter as its ceiling",
        on(prefer(maxCostPer1kTokens=0.01)),
        (BIG, QWEN, ENGINE),
        steering=Steering(max_price=Price(10, 10)),
    ),
    Row(
        "maxCostPer1kTokens counts the dearer of reading and writing",
        on(prefer(maxCostPer1kTokens=0.005), facts(BIG, input=6, output=1)),
        (QWEN, ENGINE),
        {BIG: "too_expensive"},
    ),
    Row(
        "maxCostPer1kTokens costs the user's own machines nothing",
        prefer(maxCostPer1kTokens=0),
        (QWEN, ENGINE),
        CLOUD_OFF,
    ),
    Row(
        "the environment says a price per token",
        on(facts(BIG, input=1, output=3)),
        (QWEN, ENGINE),
        {BIG: "too_expensive"},
        now=said('{"max_cost_per_token": 0.000002}'),
    ),
    Row(
        "the environment says acceptable models",
        on(),
        (QWEN, ENGINE),
        {BIG: "not_acceptable"},
        now=said('{"acceptable_models": ["local:*"]}'),
    ),
    Row(
        "the environment says a quality threshold",
        on(facts(BIG, quality=0.7), facts(QWEN, quality=0.3)),
        (BIG, ENGINE),
        {QWEN: "quality"},
        now=said('{"quality_threshold": 0.5}'),
    ),
]
