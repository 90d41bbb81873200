"""How a simulated Ollama counts, cuts and refuses prompts, and bounds replies."""

import json
from typing import Any

import pytest

from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_asking import NATIVE, chat, error, lines, post
from tests.upstreams.ollama_models import OllamaModel
from tests.upstreams.raw_http import ask

LONG = "word " * 400


@pytest.mark.parametrize(
    ("model", "more", "expected"),
    [
        pytest.param("native", {}, "exceed_context_size_error", id="the native path refuses a long last message"),
        pytest.param("plain", {"truncate": False}, "exceed_context_size_error", id="truncate false refuses on both"),
        pytest.param(
            "plain", {"shift": False}, "the prompt is longer than the context length", id="shift false is plain"
        ),
    ],
)
async def test_a_prompt_that_does_not_fit_is_refused(model: str, more: dict[str, Any], expected: str) -> None:
    models = [NATIVE, OllamaModel("plain", ("completion",))]
    async with OllamaSimulator(models, num_ctx=128) as sim:
        status, text = error(await post(sim, "/api/chat", chat(LONG, model=model, stream=False, **more)))
    assert status == 400
    assert expected in text


async def test_the_nested_context_error_counts_tokens_and_rounds_the_window() -> None:
    async with OllamaSimulator([NATIVE], num_ctx=128) as sim:
        _, text = error(await post(sim, "/api/chat", chat(LONG, model="native", stream=False)))
    detail = json.loads(text)["error"]
    assert detail["n_ctx"] == 256
    assert detail["n_prompt_tokens"] > 400
    assert detail["message"].startswith(f"request ({detail['n_prompt_tokens']} tokens) exceeds")


async def test_the_rendered_path_cuts_in_silence_to_half_the_window() -> None:
    async with OllamaSimulator([OllamaModel("plain", ("completion",))], num_ctx=128) as sim:
        reply = lines(await post(sim, "/api/chat", chat(LONG, model="plain", stream=False)))[0]
    assert reply["prompt_eval_count"] == 128 - (128 - 5) // 2


async def test_old_turns_are_dropped_in_silence_but_system_and_last_stay() -> None:
    turns = [{"role": "system", "content": "s"}, *({"role": "user", "content": "w " * 40} for _ in range(4))]
    async with OllamaSimulator([NATIVE], num_ctx=128) as sim:
        reply = await post(sim, "/api/chat", {"model": "native", "messages": turns, "stream": False})
    assert reply.status == 200
    assert lines(reply)[0]["prompt_eval_count"] < 128


async def test_an_old_server_cuts_where_a_new_one_refuses() -> None:
    async with OllamaSimulator([NATIVE], num_ctx=128, is_old=True) as sim:
        reply = await post(sim, "/api/chat", chat(LONG, model="native", truncate=False, stream=False))
        missing = error(await post(sim, "/api/chat", chat(model="nope")))
        embedded = await post(sim, "/api/embed", {"model": "native", "input": "x"})
        version = json.loads((await ask(sim.port, "GET", "/api/version")).body)["version"]
    assert lines(reply)[0]["prompt_eval_count"] < 128
    assert missing == (404, 'model "nope" not found, try pulling it first')
    assert embedded.status == 200
    assert version == "0.5.7"


async def test_thinking_can_eat_the_whole_budget() -> None:
    async with OllamaSimulator(["qwen3:4b"]) as sim:
        reply = lines(await post(sim, "/api/chat", chat(model="qwen3:4b", stream=False, options={"num_predict": 2})))[0]
    assert (reply["message"]["content"], reply["done_reason"], reply["eval_count"]) == ("", "length", 2)


@pytest.mark.parametrize(("path", "pieces"), [("native", 1), ("rendered", 5)])
async def test_a_budget_of_zero_means_one_or_no_limit(path: Any, pieces: int) -> None:
    async with OllamaSimulator([OllamaModel("m", ("completion",), path=path)]) as sim:
        sim.script("*", {"text": "a b c d e"})
        reply = lines(await post(sim, "/api/chat", chat(model="m", stream=False, options={"num_predict": 0})))[0]
    assert reply["eval_count"] == pieces
