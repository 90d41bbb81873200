"""What the tests ask a simulated Ollama, and how they read its answers."""

import json
from typing import Any

from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_models import OllamaModel
from tests.upstreams.raw_http import RawAnswer, ask

NATIVE = OllamaModel("native", ("completion", "tools", "thinking"), path="native")


async def post(sim: OllamaSimulator, path: str, body: Any) -> RawAnswer:
    return await ask(sim.port, "POST", path, body=body)


def chat(content: str = "hi", model: str = "qwen2.5:1.5b", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def lines(answer: RawAnswer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.body.splitlines()]


def error(answer: RawAnswer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["error"]
