"""Ollama's routes: replies, refusals, names, thinking, tools, formats, cloud models."""

import asyncio
import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_asking import NATIVE, chat, error, lines, post
from tests.upstreams.ollama_models import OllamaModel, model_named
from tests.upstreams.raw_http import ask

PROMPT = """[1] guide/install.md:3-9 (Install)
Unpack the archive. Run the installer with administrator rights.

[2] guide/reload.md:12-20 (Reload)
# Reload
- The daemon reloads its configuration within one second. It keeps the old one when the new one is broken.

Question: How quickly does the daemon reload its configuration?"""


async def test_a_question_over_passages_is_answered_with_a_verbatim_quote_and_its_number() -> None:
    async with OllamaSimulator() as sim:
        reply = lines(await post(sim, "/api/chat", chat(PROMPT, stream=False)))[0]
    assert reply["message"]["content"] == '"The daemon reloads its configuration within one second." [2]'


async def test_generate_answers_like_chat() -> None:
    async with OllamaSimulator() as sim:
        reply = await post(sim, "/api/generate", {"model": "qwen2.5:1.5b", "prompt": PROMPT})
        told = "".join(line["response"] for line in lines(reply))
        raw = await post(sim, "/api/generate", {"model": "qwen2.5:1.5b", "prompt": "x", "raw": True, "stream": False})
    assert told == '"The daemon reloads its configuration within one second." [2]'
    assert "context" in lines(reply)[-1]
    assert "context" not in lines(raw)[0]


async def test_a_schema_is_answered_with_a_valid_instance() -> None:
    schema = {
        "type": "object",
        "properties": {"intent": {"enum": ["how", "why"]}, "keywords": {"type": "array", "items": {"type": "string"}}},
        "required": ["intent", "keywords"],
        "additionalProperties": False,
    }
    async with OllamaSimulator() as sim:
        reply = lines(await post(sim, "/api/chat", chat("reload daemon", format=schema, stream=False)))[0]
    value = json.loads(reply["message"]["content"])
    jsonschema.validate(value, schema)
    assert value == {"intent": "how", "keywords": ["reload", "daemon"]}


async def test_keys_match_without_regard_to_case_and_bytes_after_the_object_are_ignored() -> None:
    async with OllamaSimulator() as sim:
        body = json.dumps({"MODEL": "qwen2.5:1.5b", "Messages": [{"role": "user", "content": "x"}], "Stream": False})
        assert (await post(sim, "/api/chat", body + " trailing")).status == 200


@pytest.mark.parametrize(
    "name", ["TINY", " tiny ", "tiny:latest", "library/tiny", "registry.ollama.ai/library/tiny:latest"]
)
async def test_a_model_is_found_under_every_spelling_and_named_as_sent(name: str) -> None:
    async with OllamaSimulator(["tiny"]) as sim:
        reply = lines(await post(sim, "/api/chat", chat(model=name, stream=False)))[0]
    assert reply["model"] == name


async def test_local_and_cloud_at_once_is_refused() -> None:
    async with OllamaSimulator(["x"]) as sim:
        assert (await post(sim, "/api/chat", chat(model="x:local"))).status == 200
        assert error(await post(sim, "/api/chat", chat(model="x:local:cloud")))[0] == 400


@pytest.mark.parametrize("keep_alive", ["0", "0s", 0, -1, "-1m", "5m", 1.5, "1h30m", None])
async def test_durations_ollama_accepts(keep_alive: Any) -> None:
    async with OllamaSimulator() as sim:
        assert (await post(sim, "/api/chat", chat(keep_alive=keep_alive))).status == 200


@pytest.mark.parametrize(
    ("path", "change", "expected"),
    [
        ("/api/chat", {"keep_alive": True}, (400, "Unsupported type: 'bool'")),
        ("/api/chat", {"keep_alive": "x"}, (400, 'time: invalid duration "x"')),
        ("/api/chat", {"think": 3}, (400, "think must be a boolean or string")),
        ("/api/chat", {"options": {"stop": "x"}}, (500, 'option "stop" must be of type array')),
        ("/api/chat", {"options": {"temperature": "hot"}}, (500, 'option "temperature" must be of type float32')),
        ("/api/chat", {"model": "nomic-embed-text"}, (400, '"nomic-embed-text" does not support chat')),
        (
            "/api/generate",
            {"model": "nomic-embed-text", "prompt": "x"},
            (400, '"nomic-embed-text" does not support generate'),
        ),
        ("/api/embed", {"input": "x"}, (501, "This server does not support embeddings")),
        ("/api/show", {"model": ""}, (400, "model is required")),
        ("/api/pull", {"model": "a b"}, (400, "invalid model name")),
    ],
)
async def test_refusals_and_their_words(path: str, change: dict[str, Any], expected: tuple[int, str]) -> None:
    async with OllamaSimulator() as sim:
        status, text = error(await post(sim, path, {**chat(stream=False), **change}))
    assert status == expected[0]
    assert text.startswith(expected[1])


async def test_unknown_options_pass() -> None:
    async with OllamaSimulator() as sim:
        assert (await post(sim, "/api/chat", chat(options={"mirostat": 1, "num_ctx": None}))).status == 200


async def test_a_thinking_model_thinks_unless_told_not_to() -> None:
    async with OllamaSimulator(["qwen3:4b"]) as sim:
        thinking = lines(await post(sim, "/api/chat", chat(model="qwen3:4b")))
        silent = lines(await post(sim, "/api/chat", chat(model="qwen3:4b", think=False)))
    thoughts = [line["message"].get("thinking", "") for line in thinking]
    assert "".join(thoughts) == "Let me think."
    assert thinking[0]["message"]["content"] == ""
    assert not any("thinking" in line["message"] for line in silent)


async def test_tool_calls_come_in_the_last_object_or_one_before_it() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    call = {"tool_calls": [{"name": "f", "arguments": {"b": 1, "a": 2}}]}
    async with OllamaSimulator([NATIVE, "qwen2.5:1.5b"]) as sim:
        sim.script("*", call, call)
        native = lines(await post(sim, "/api/chat", chat(model="native", think=False, tools=tools)))
        rendered = lines(await post(sim, "/api/chat", chat(tools=tools)))
    assert "tool_calls" in native[-1]["message"]
    assert "tool_calls" in rendered[-2]["message"]
    assert (rendered[-2]["done"], rendered[-1]["done"]) == (False, True)
    function = rendered[-2]["message"]["tool_calls"][0]["function"]
    assert list(function) == ["index", "name", "arguments"]
    assert list(function["arguments"]) == ["b", "a"]


async def test_a_schema_the_converter_refuses_is_a_nested_400() -> None:
    async with OllamaSimulator() as sim:
        status, text = error(await post(sim, "/api/chat", chat(stream=False, format={"$ref": "#/nope"})))
        answer = await post(sim, "/api/chat", chat(format={"type": "banana"}))
    assert status == 400
    assert "cannot resolve $ref #/nope, nope not found" in json.loads(text)["error"]["message"]
    assert answer.chunks is not None
    assert answer.header("Content-Type") == "application/json"


async def test_a_preflight_of_an_allowed_origin_is_a_204() -> None:
    async with OllamaSimulator() as sim:
        answer = await ask(sim.port, "OPTIONS", "/api/chat", headers={"Origin": "http://localhost:3000"})
    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (204, "http://localhost:3000")


async def test_metrics_that_are_zero_are_absent() -> None:
    async with OllamaSimulator(has_counts=False) as sim:
        sim.script("*", {"text": ""})
        reply = lines(await post(sim, "/api/chat", chat(stream=False)))[0]
    assert not {"prompt_eval_count", "eval_count", "eval_duration"} & set(reply)
    assert reply["total_duration"] > 0


async def test_json_is_escaped_like_go() -> None:
    async with OllamaSimulator() as sim:
        sim.script("*", {"text": "a<b>&c"})
        answer = await post(sim, "/api/chat", chat(stream=False))
    assert b"a\\u003cb\\u003e\\u0026c" in answer.body


async def test_a_cloud_stub_shows_where_it_leads_and_loads_nothing() -> None:
    async with OllamaSimulator(["gpt-oss:120b-cloud"]) as sim:
        entry = json.loads((await ask(sim.port, "GET", "/api/tags")).body)["models"][0]
        reply = lines(await post(sim, "/api/chat", chat(model="gpt-oss:120b-cloud", stream=False)))[0]
        assert sim.loaded == []
    assert (entry["remote_host"], entry["remote_model"]) == ("https://ollama.com:443", "gpt-oss:120b")
    assert list(reply)[:4] == ["model", "remote_model", "remote_host", "created_at"]


@pytest.mark.parametrize(("cloud", "status"), [("disabled", 403), ("signed_out", 401), ("signed_out_no_key", 401)])
async def test_a_cloud_model_can_be_out_of_reach(cloud: Any, status: int) -> None:
    async with OllamaSimulator([], cloud=cloud) as sim:
        answer = await post(sim, "/api/chat", chat(model="any:cloud"))
    assert answer.status == status
    assert ("signin_url" in json.loads(answer.body)) is (cloud == "signed_out")


@pytest.mark.parametrize("name", ["queue_full", "out_of_memory", "usage_limit", "repeat_limit"])
async def test_named_errors_have_their_status(name: str) -> None:
    statuses = {"queue_full": 503, "out_of_memory": 500, "usage_limit": 429, "repeat_limit": 500}
    async with OllamaSimulator() as sim:
        sim.script("*", {"error": name, "headers": {"Retry-After": "7"}})
        answer = await post(sim, "/api/chat", chat())
    assert answer.status == statuses[name]
    assert answer.header("Retry-After") == "7"


async def test_deleting_a_model_unloads_it() -> None:
    async with OllamaSimulator() as sim:
        await post(sim, "/api/chat", chat())
        await ask(sim.port, "DELETE", "/api/delete", body={"model": "qwen2.5:1.5b"})
        assert sim.loaded == []
        assert (await post(sim, "/api/chat", chat())).status == 404


async def test_show_is_right_where_tags_may_be_incomplete() -> None:
    model = OllamaModel("m", ("completion", "tools"), listed_capabilities=("completion",), num_ctx=1024)
    async with OllamaSimulator([model]) as sim:
        shown = json.loads((await post(sim, "/api/show", {"name": "m"})).body)
        listed = json.loads((await ask(sim.port, "GET", "/api/tags")).body)["models"][0]
    assert shown["capabilities"] == ["completion", "tools"]
    assert listed["capabilities"] == ["completion"]
    assert shown["parameters"].split() == ["num_ctx", "1024"]
    assert shown["model_info"]["qwen2.context_length"] == 32768


async def test_a_status_step_replaces_the_answer_and_later_requests_are_normal() -> None:
    async with OllamaSimulator() as sim:
        sim.script("qwen2.5:1.5b", {"status": 502, "body": {"error": "bad"}})
        first, second = [await post(sim, "/api/chat", chat(stream=False)) for _ in range(2)]
    assert (first.status, json.loads(first.body), second.status) == (502, {"error": "bad"}, 200)


async def test_a_delay_holds_back_even_the_head() -> None:
    async with OllamaSimulator() as sim:
        sim.script("*", {"delay_ms": 60})
        began = asyncio.get_running_loop().time()
        await post(sim, "/api/chat", chat())
        assert asyncio.get_running_loop().time() - began >= 0.06


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("nomic-embed-text", ("embedding",)),
        ("deepseek-r1:7b", ("completion", "tools", "thinking")),
        ("llama3.2:1b", ("completion", "tools")),
    ],
)
def test_a_name_alone_makes_a_plausible_model(name: str, capabilities: tuple[str, ...]) -> None:
    assert model_named(name).capabilities == capabilities


async def test_a_restart_empties_the_memory_but_keeps_the_models() -> None:
    async with OllamaSimulator() as sim:
        await post(sim, "/api/chat", chat())
        await sim.stop()
        await sim.start()
        assert sim.loaded == []
        assert (await post(sim, "/api/chat", chat())).status == 200
    assert sim.counters.loads == 2
