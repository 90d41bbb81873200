"""Replies of status 200 that are not what they should be."""

import json
from typing import Any

import pytest

from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.openrouter_asking import FORMAT, KEY, body, content, events, once, post

ODD: dict[str, Any] = {
    "error_only": lambda reply: "choices" not in reply and reply["error"]["code"] == 502,
    "string_code": lambda reply: reply["error"]["code"] == "server_error",
    "all_null": lambda reply: reply["choices"] is None and reply["id"] is None and reply["error"],
    "choices_null": lambda reply: reply["choices"] is None and "error" not in reply,
    "choices_empty": lambda reply: reply["choices"] == [],
    "nested": lambda reply: reply["choices"] is None and reply["provider"]["choices"],
    "choice_error": lambda reply: reply["choices"][0]["error"] and reply["choices"][0]["finish_reason"] == "error",
    "empty_content": lambda reply: reply["choices"][0]["message"]["content"] == "" and reply["usage"]["cost"] == 0,
    "null_content": lambda reply: reply["choices"][0]["message"]["content"] is None,
    "reasoned_away": lambda reply: reply["usage"]["completion_tokens_details"]["reasoning_tokens"] == 64,
    "refusal": lambda reply: reply["choices"][0]["finish_reason"] == "content_filter",
    "cut_json": lambda reply: reply["choices"][0]["finish_reason"] == "length",
    "no_usage": lambda reply: "usage" not in reply,
    "no_details": lambda reply: set(reply["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens", "cost"},
    "null_upstream_cost": lambda reply: reply["usage"]["cost_details"]["upstream_inference_cost"] is None,
    "unknown_fields": lambda reply: reply["x_top"],
    "native_null": lambda reply: reply["choices"][0]["native_finish_reason"] is None,
    "padding": lambda reply: reply["choices"],
}


@pytest.mark.parametrize("odd", ODD)
async def test_a_200_that_is_not_what_it_seems(odd: str) -> None:
    answer = await once(body(), step={"odd": odd, "json": {"a": 1}})
    assert answer.status == 200
    assert ODD[odd](json.loads(answer.body))


@pytest.mark.parametrize(("odd", "rest"), [("blank", b""), ("padding_cut", b'{"id"')])
async def test_padding_with_nothing_or_half_behind_it(odd: str, rest: bytes) -> None:
    answer = await once(body(), step={"odd": f"{odd}:2"})
    assert answer.body.startswith(b"\n         \n" * 2)
    assert answer.body.strip().startswith(rest)
    with pytest.raises(ValueError, match=r".+"):
        json.loads(answer.body)


@pytest.mark.parametrize("odd", ["error_only", "empty_content", "choice_error"])
async def test_a_failure_inside_a_200_is_not_billed(odd: str) -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.script("*", {"odd": odd})
        await post(sim)
        assert sim.spent_usd == 0


@pytest.mark.parametrize(
    ("defect", "healed"),
    [
        ("fence", True), ("prose", True), ("trailing_comma", True), ("unquoted_keys", True), ("missing_bracket", True),
        ("double", True), ("wrong_order", False), ("extra_keys", False), ("against_schema", False), ("nan", False),
        ("truncated", False),
    ],
)  # fmt: skip
async def test_healing_repairs_syntax_only_and_never_streams(defect: str, healed: bool) -> None:
    step = {"json": {"ok": True, "n": 1}, "odd": f"json_defect:{defect}"}
    asked = body(response_format=FORMAT, plugins=[{"id": "response-healing"}])
    spoiled = content(await once(body(response_format=FORMAT), step=step))
    assert spoiled != '{"ok":true,"n":1}'
    assert (content(await once(asked, step=step)) == '{"ok":true,"n":1}') is healed
    streamed = events(await once({**asked, "stream": True}, step=step))
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in streamed) == spoiled
