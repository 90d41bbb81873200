"""Rows: how models are named, in calls, in the configuration and in the environment."""

from amalfa.providers.provider import Presence
from tests.routing.decisions import (
    BIG,
    CLOUD_OFF,
    ENGINE,
    GPT4O,
    LLAMA,
    OPUS,
    PHI,
    QWEN,
    ROUTER,
    Ask,
    Now,
    Row,
    facts,
    on,
    prefer,
    routing,
    task,
)

LLAMA_70B = "openrouter:meta-llama/llama-3.1-70b-instruct"
THREE = Now(up={"ollama": ("qwen2.5:1.5b", "phi3:latest", "llama3:8b")})
GUIDE_NAMES = Now(up={"ollama": ("llama3-8b:latest", "mistral-7b:latest")})
GPU = Now(user={"providers": {"gpu": {"type": "ollama", "hosts": ["gpu.lan"]}}}, up={"gpu": ("llama3:70b",)})
SHED = Now(
    user={"providers": {"shed": {"type": "openai", "baseUrl": "http://127.0.0.1:8000/v1", "local": True}}},
    presences={"shed": Presence("up")},
)


def asked(name: str) -> Ask:
    return Ask(model=name)


ROWS = [
    Row("a name without a slash is Ollama's", on(), (PHI, BIG, QWEN, ENGINE), ask=asked("phi3"), now=THREE),
    Row("a name with a tag is Ollama's", on(), (LLAMA, BIG, QWEN, ENGINE), ask=asked("llama3:8b"), now=THREE),
    Row(
        "ollama: with a tag",
        on(),
        ("ollama:phi3:latest", BIG, QWEN, ENGINE),
        ask=asked("ollama:phi3:latest"),
        now=THREE,
    ),
    Row(
        "a name with a slash is OpenRouter's",
        on(),
        (LLAMA_70B, BIG, QWEN, ENGINE),
        ask=asked("meta-llama/llama-3.1-70b-instruct"),
    ),
    Row("openrouter: with a slash", on(), (LLAMA_70B, BIG, QWEN, ENGINE), ask=asked(LLAMA_70B)),
    Row("openrouter:auto is openrouter/auto", on(), (ROUTER, BIG, QWEN, ENGINE), ask=asked("openrouter:auto")),
    Row("openai:", on(), (GPT4O, BIG, QWEN, ENGINE), ask=asked("openai:gpt-4o")),
    Row("anthropic:", on(), (OPUS, BIG, QWEN, ENGINE), ask=asked("anthropic:claude-3-opus-20240229")),
    Row("lmstudio:", on(), ("lmstudio:m", BIG, QWEN, ENGINE), ask=asked("lmstudio:m")),
    Row("embedded:extractive", on(), (ENGINE, BIG, QWEN), ask=asked("embedded:extractive"), why="asked for by name"),
    Row(
        "embedded:extractive passes a task that is off",
        on(task(enabled=False)),
        (ENGINE,),
        dict.fromkeys((BIG, QWEN), "task_disabled"),
        asked(ENGINE),
    ),
    Row("auto lets the policy decide", on(), (BIG, QWEN, ENGINE), ask=asked("auto"), why="mode is replace"),
    Row("auto for a task lets the policy decide", on(task(model="auto")), (BIG, QWEN, ENGINE), why="mode is replace"),
    Row(
        "a provider of the user's own",
        on(),
        ("gpu:llama3:70b", BIG, QWEN, ENGINE),
        ask=asked("gpu:llama3:70b"),
        now=GPU,
    ),
    Row(
        "a prefix nobody configured belongs to the name",
        {},
        (QWEN, ENGINE),
        CLOUD_OFF | {"ollama:acme:big": "not_installed"},
        asked("acme:big"),
    ),
    Row(
        "local:NAME is Ollama's",
        {},
        ("ollama:llama3-8b", ENGINE),
        CLOUD_OFF | {QWEN: "not_installed"},
        asked("local:llama3-8b"),
        GUIDE_NAMES,
    ),
    Row(
        "local:NAME is every local provider's",
        {},
        (LLAMA, "shed:llama3:8b", QWEN, ENGINE),
        CLOUD_OFF,
        asked("local:llama3:8b"),
        Now(up=THREE.up, user=SHED.user, presences=SHED.presences),
    ),
    Row(
        "local:NAME passes over a provider that lacks it",
        {},
        ("shed:m", QWEN, ENGINE),
        CLOUD_OFF | {"ollama:m": "not_installed"},
        asked("local:m"),
        SHED,
    ),
    Row("local:NAME is no cloud's", on(), (QWEN, BIG, ENGINE), ask=asked("local:qwen2.5:1.5b")),
    Row(
        "local:NAME for a task",
        on(task(model="local:mistral-7b")),
        ("ollama:mistral-7b", BIG, ENGINE),
        {QWEN: "not_installed"},
        now=GUIDE_NAMES,
    ),
    Row(
        "local:NAME as the default model",
        {"model": "local:llama3-8b"},
        ("ollama:llama3-8b", ENGINE),
        CLOUD_OFF,
        now=GUIDE_NAMES,
    ),
    Row(
        "local:NAME in modelPriority",
        {"modelPriority": ["local:mistral-7b"]},
        ("ollama:mistral-7b", ENGINE),
        CLOUD_OFF | {QWEN: "not_installed"},
        now=GUIDE_NAMES,
    ),
    Row(
        "local:NAME in the catalogue",
        on(prefer(qualityThreshold=0.5), {"model": "mine"}, facts("local:mine", quality=0.9), facts(BIG, quality=0.1)),
        ("ollama:mine", ENGINE),
        {BIG: "quality"},
        now=Now(up={"ollama": ("mine:latest",)}),
    ),
    Row(
        "a bare name in the catalogue",
        on(
            prefer(qualityThreshold=0.5),
            {"model": "mine"},
            facts("mine", quality=0.9),
            facts("qwen/qwen-2.5-72b-instruct", quality=0.1),
        ),
        ("ollama:mine", ENGINE),
        {BIG: "quality"},
        now=Now(up={"ollama": ("mine:latest",)}),
    ),
    Row("cloud.model of one's choice", on(model="meta-llama/llama-3.1-70b-instruct"), (LLAMA_70B, QWEN, ENGINE)),
    Row("cloud.model with its provider", on(model=LLAMA_70B), (LLAMA_70B, QWEN, ENGINE)),
    Row("cloud.model auto", on(model="auto"), (ROUTER, QWEN, ENGINE)),
    Row("sonar.model with its provider", {"model": "ollama:phi3"}, (PHI, ENGINE), CLOUD_OFF, now=THREE),
    Row(
        "OPENROUTER_MODEL",
        on(),
        (LLAMA_70B, QWEN, ENGINE),
        now=Now(env={"OPENROUTER_MODEL": "meta-llama/llama-3.1-70b-instruct"}),
    ),
    Row(
        "OPENROUTER_DEFAULT_MODEL",
        on(),
        (LLAMA_70B, QWEN, ENGINE),
        now=Now(env={"OPENROUTER_DEFAULT_MODEL": "meta-llama/llama-3.1-70b-instruct"}),
    ),
    Row(
        "OPENROUTER_MODEL beats the project's",
        on(model="a/b"),
        (LLAMA_70B, QWEN, ENGINE),
        now=Now(env={"OPENROUTER_MODEL": "meta-llama/llama-3.1-70b-instruct"}),
    ),
    Row("OLLAMA_MODEL", {}, (PHI, ENGINE), CLOUD_OFF, now=Now(up=THREE.up, env={"OLLAMA_MODEL": "phi3"})),
    Row(
        "LOCAL_MODEL_PREFERENCE",
        {},
        (LLAMA, PHI, ENGINE),
        CLOUD_OFF | {QWEN: "not_installed"},
        now=Now(up={"ollama": ("phi3:latest", "llama3:8b")}, env={"LOCAL_MODEL_PREFERENCE": "llama3:8b,phi3"}),
    ),
    Row(
        "LOCAL_MODEL_PREFERENCE as JSON",
        {},
        (QWEN, PHI, ENGINE),
        CLOUD_OFF,
        now=Now(up=THREE.up, env={"LOCAL_MODEL_PREFERENCE": '["phi3"]'}),
    ),
    Row(
        "LLM_FALLBACK_ENABLED",
        on(),
        (BIG,),
        dict.fromkeys((QWEN, ENGINE), "no_fallback"),
        now=Now(env={"LLM_FALLBACK_ENABLED": "false"}),
    ),
    Row(
        "LLM_ROUTING_STRATEGY beats the project's",
        on(routing(strategy="quality_first"), facts(QWEN, quality=0.3), facts(BIG, quality=0.8)),
        (QWEN, BIG, ENGINE),
        now=Now(env={"LLM_ROUTING_STRATEGY": "cost_optimized"}),
        why="cost_optimized",
    ),
    Row(
        "LLM_ROUTING_STRATEGY in .env",
        on(),
        (QWEN, BIG, ENGINE),
        now=Now(dotenv="LLM_ROUTING_STRATEGY=local_first\n"),
        why="local_first",
    ),
    Row(
        "a task's models in order across providers",
        on(task(model=["anthropic:claude-3-opus-20240229", "phi3", "a/b"])),
        (OPUS, PHI, "openrouter:a/b", BIG, QWEN, ENGINE),
        now=THREE,
    ),
]
