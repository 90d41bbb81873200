"""What the tests ask a simulated OpenRouter, and how they read its answers."""

import json
from typing import Any

from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.raw_http import RawAnswer, ask

KEY, OTHER = "sk-or-v1-0123456789abcdef", "sk-or-v1-fedcba9876543210"
MODEL = "qwen/qwen-2.5-72b-instruct"
FREE = "meta-llama/llama-3.3-70b-instruct:free"
CHAT = "/api/v1/chat/completions"
SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "n": {"type": "integer"}},
    "required": ["ok", "n"],
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "v", "strict": True, "schema": SCHEMA}}


def body(model: str = MODEL, **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **more}


async def post(
    sim: OpenRouterSimulator, given: Any = None, *, key: str | None = KEY, path: str = CHAT, **headers: str
) -> RawAnswer:
    sent = {
        **({"Authorization": f"Bearer {key}"} if key else {}),
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return await ask(sim.port, "POST", path, headers=sent, body=body() if given is None else given)


async def once(given: Any, *, step: dict[str, Any] | None = None, **options: Any) -> RawAnswer:
    """What one chat request gets from a fresh service."""
    async with OpenRouterSimulator(keys={KEY}, **options) as sim:
        if step is not None:
            sim.script("*", step)
        return await post(sim, given)


def error(answer: RawAnswer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)["error"]
    assert found["code"] == answer.status
    return found


def events(answer: RawAnswer) -> list[dict[str, Any]]:
    lines = answer.body.decode().split("\n\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def content(answer: RawAnswer) -> Any:
    return json.loads(answer.body)["choices"][0]["message"]["content"]


async def chat(sim: OpenRouterSimulator, model: str = MODEL, *, key: str = KEY, **more: Any) -> RawAnswer:
    body = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **more}
    headers = {"Authorization": f"Bearer {key}"}
    return await ask(sim.port, "POST", CHAT, headers=headers, body=body)


async def get(sim: OpenRouterSimulator, path: str, *, key: str | None = KEY) -> RawAnswer:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return await ask(sim.port, "GET", f"/api/v1{path}", headers=headers)


def message(answer: RawAnswer) -> str:
    return str(json.loads(answer.body)["error"]["message"])
