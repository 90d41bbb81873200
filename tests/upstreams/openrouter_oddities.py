"""Replies of status 200 that are not what they should be, and JSON that is almost JSON."""

import json
import re
from collections.abc import Callable
from typing import Any

from tests.upstreams.openrouter_bodies import Said, completion
from tests.upstreams.openrouter_errors import USER_ID
from tests.upstreams.script import Step

_FAILED = {"code": 502, "message": "Provider returned error", "metadata": {"provider_name": "Together"}}

Change = Callable[[dict[str, Any]], dict[str, Any]]


def odd_completion(said: Said, step: Step) -> dict[str, Any]:
    """The completion as the step's oddities leave it."""
    reply = completion(said)
    for odd in step.odd:
        if (change := CHANGES.get(odd.name)) is not None:
            reply = change(reply)
    return reply


def _error_only(reply: dict[str, Any]) -> dict[str, Any]:
    return {"error": _FAILED, "id": reply["id"], "user_id": USER_ID}


def _string_code(_reply: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": "server_error", "message": "Provider returned error"}, "user_id": USER_ID}


def _all_null(_reply: dict[str, Any]) -> dict[str, Any]:
    return {"id": None, "choices": None, "model": None, "object": None, "error": _FAILED, "user_id": USER_ID}


def _nested(reply: dict[str, Any]) -> dict[str, Any]:
    return {"provider": reply, "id": reply["id"], "object": "chat.completion", "choices": None}


def _choice_error(reply: dict[str, Any]) -> dict[str, Any]:
    choice = reply["choices"][0]
    half = choice["message"]["content"][: len(choice["message"]["content"]) // 2]
    message = {**choice["message"], "content": half}
    failed = {**choice, "message": message, "finish_reason": "error", "native_finish_reason": None, "error": _FAILED}
    return {**reply, "choices": [failed]}


def _empty_content(reply: dict[str, Any]) -> dict[str, Any]:
    return _with_message(reply, {"content": ""}, finish=None, tokens=0, reasoning=0)


def _null_content(reply: dict[str, Any]) -> dict[str, Any]:
    return _with_message(reply, {"content": None}, finish=None, tokens=0, reasoning=0)


def _reasoned_away(reply: dict[str, Any]) -> dict[str, Any]:
    thought = {"content": "", "reasoning": "First, let me consider every possibility"}
    return _with_message(reply, thought, finish="length", tokens=64, reasoning=64)


def _refusal(reply: dict[str, Any]) -> dict[str, Any]:
    words = "I can't help with that."
    return _with_message(reply, {"content": "", "refusal": words}, finish="content_filter", tokens=7, reasoning=0)


def _cut_json(reply: dict[str, Any]) -> dict[str, Any]:
    text = reply["choices"][0]["message"]["content"]
    return _with_message(reply, {"content": text[: len(text) * 2 // 3]}, finish="length", tokens=9, reasoning=0)


def _with_message(
    reply: dict[str, Any], change: dict[str, Any], *, finish: str | None, tokens: int, reasoning: int
) -> dict[str, Any]:
    choice = reply["choices"][0]
    message = {**choice["message"], **change}
    counted = dict(reply["usage"])
    counted |= {"completion_tokens": tokens, "total_tokens": counted["prompt_tokens"] + tokens}
    counted["completion_tokens_details"] = {"reasoning_tokens": reasoning, "image_tokens": 0, "audio_tokens": 0}
    if tokens == 0:
        counted["cost"] = 0
    changed = {**choice, "message": message, "finish_reason": finish, "native_finish_reason": finish}
    return {**reply, "choices": [changed], "usage": counted}


def _no_details(reply: dict[str, Any]) -> dict[str, Any]:
    kept = ("prompt_tokens", "completion_tokens", "total_tokens", "cost")
    return {**reply, "usage": {name: reply["usage"][name] for name in kept}}


def _null_upstream_cost(reply: dict[str, Any]) -> dict[str, Any]:
    return {**reply, "usage": {**reply["usage"], "cost_details": {"upstream_inference_cost": None}}}


def _unknown_fields(reply: dict[str, Any]) -> dict[str, Any]:
    choices = [{**choice, "x_choice": True} for choice in reply["choices"]]
    return {**reply, "choices": choices, "x_top": {"deep": [1]}, "usage": {**reply["usage"], "x_usage": 1}}


def _native_null(reply: dict[str, Any]) -> dict[str, Any]:
    return {**reply, "choices": [{**choice, "native_finish_reason": None} for choice in reply["choices"]]}


CHANGES: dict[str, Change] = {
    "error_only": _error_only,
    "string_code": _string_code,
    "all_null": _all_null,
    "choices_null": lambda reply: {**reply, "choices": None},
    "choices_empty": lambda reply: {**reply, "choices": []},
    "nested": _nested,
    "choice_error": _choice_error,
    "empty_content": _empty_content,
    "null_content": _null_content,
    "reasoned_away": _reasoned_away,
    "refusal": _refusal,
    "cut_json": _cut_json,
    "no_usage": lambda reply: {name: value for name, value in reply.items() if name != "usage"},
    "no_details": _no_details,
    "null_upstream_cost": _null_upstream_cost,
    "unknown_fields": _unknown_fields,
    "native_null": _native_null,
}

UNBILLED = frozenset(
    {
        "error_only",
        "string_code",
        "all_null",
        "choices_null",
        "choices_empty",
        "choice_error",
        "empty_content",
        "null_content",
    }
)
"""Failures that cost nothing: no completion tokens, or finish_reason `error`."""


def spoiled(text: str, step: Step, *, is_healed: bool) -> str:
    """The JSON text with the step's defect; healing undoes what is only a matter of syntax."""
    fault = step.odd_named("json_defect")
    if fault is None:
        return text
    if is_healed and fault.argument not in _BEYOND_HEALING:
        return text
    return _DEFECTS[fault.argument](text)


def _reversed_keys(text: str) -> str:
    return json.dumps(dict(reversed(json.loads(text).items())))


def _against_schema(text: str) -> str:
    value = json.loads(text)
    return json.dumps({name: [[]] for name in value})


_DEFECTS: dict[str, Callable[[str], str]] = {
    "fence": lambda text: f"```json\n{text}\n```",
    "prose": lambda text: f"Sure, here is the JSON you asked for:\n\n{text}\n\nLet me know if you need more.",
    "trailing_comma": lambda text: text[:-1] + "," + text[-1],
    "unquoted_keys": lambda text: re.sub(r'"(\w+)":', r"\1:", text),
    "missing_bracket": lambda text: text[:-1],
    "wrong_order": _reversed_keys,
    "extra_keys": lambda text: json.dumps({**json.loads(text), "extra_remark": "not asked for"}),
    "against_schema": _against_schema,
    "double": lambda text: f"{text}\n{text}",
    "nan": lambda text: re.sub(r":\s*(?:-?\d[\d.]*|\"[^\"]*\"|true)", ": NaN", text, count=1),
    "truncated": lambda text: text[: len(text) * 2 // 3],
}
_BEYOND_HEALING = frozenset({"wrong_order", "extra_keys", "against_schema", "truncated", "nan"})
