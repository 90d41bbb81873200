"""Ollama's texts, word for word, and what each of them means."""

import json
from collections.abc import Mapping
from random import Random

import pytest

from amalfa import errors
from amalfa.errors import CallError
from amalfa.execution.breaker import COUNTED
from amalfa.execution.retry import NextModel, next_step
from amalfa.providers.asked import Asked
from amalfa.providers.ollama_errors import ToolsRefused, failure_in_stream, failure_of_status
from tests.providers.asking import QWEN, ollama_at
from tests.upstreams.ollama_errors import NAMED

ENDPOINT = ollama_at("http://localhost:11434")


def asked(model: str = QWEN, *, is_forwarded: bool = False) -> Asked:
    return Asked(ENDPOINT, ENDPOINT.addresses[0], model, is_forwarded)


def said(status: int, text: object, model: str = QWEN, **more: object) -> CallError:
    return failure_of_status(status, json.dumps({"error": text, **more}), asked(model))


WHAT_NAMES_MEAN: Mapping[str, type[CallError]] = {
    "queue_full": errors.Overloaded,
    "out_of_memory": errors.OutOfMemory,
    "out_of_memory_old": errors.OutOfMemory,
    "load_failed": errors.UpstreamBroken,
    "unknown_architecture": errors.ModelRefused,
    "load_timeout": errors.UpstreamBroken,
    "binary_missing": errors.UpstreamBroken,
    "runner_stopped": errors.UpstreamBroken,
    "runner_stopped_old": errors.UpstreamBroken,
    "crashed": errors.UpstreamBroken,
    "repeat_limit": errors.Truncated,
    "prompt_too_long": errors.ContextTooLong,
    "context_exceeded": errors.ContextTooLong,
    "signed_out": errors.ModelRefused,
    "signed_out_no_key": errors.Unauthorized,
    "cloud_disabled": errors.ModelRefused,
    "usage_limit": errors.RateLimited,
    "cloud_unreachable": errors.UpstreamBroken,
}


def test_no_text_the_simulator_knows_is_left_out() -> None:
    assert set(WHAT_NAMES_MEAN) == set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_a_documented_text_means_this(name: str) -> None:
    given = NAMED[name]
    error = failure_of_status(given.status, given.body().decode(), asked())
    assert type(error) is WHAT_NAMES_MEAN[name]


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (404, "model 'nope' not found", errors.ModelMissing),
        (404, 'model "nope" not found, try pulling it first', errors.ModelMissing),
        (400, "invalid model name", errors.ModelMissing),
        (400, '"tiny" does not support thinking', errors.ModelRefused),
        (400, "registry.ollama.ai/library/tiny:latest does not support tools", ToolsRefused),
        (
            501,
            "This server does not support embeddings. Start it with `--embeddings`",
            errors.ModelRefused,
        ),
        (400, 'time: missing unit in duration "10"', errors.BadRequestUpstream),
        (500, 'option "num_ctx" must be of type integer', errors.BadRequestUpstream),
        (500, 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object', errors.BadRequestUpstream),
        (400, "the input length exceeds the context length", errors.ContextTooLong),
        (500, "the input length exceeds the context length", errors.ContextTooLong),
        (500, "CUDA error: out of memory", errors.OutOfMemory),
        (499, "request canceled", errors.BadRequestUpstream),
    ],
)
def test_further_texts_mean_this(status: int, text: str, kind: type[CallError]) -> None:
    assert type(said(status, text)) is kind


def test_json_inside_the_error_string_is_unwrapped_with_its_counts() -> None:
    inner = {
        "error": {
            "code": 400,
            "message": "request (477 tokens) exceeds the available context size (256 tokens), try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 477,
            "n_ctx": 256,
        }
    }
    error = said(400, json.dumps(inner))
    assert isinstance(error, errors.ContextTooLong)
    assert (error.needed_tokens, error.limit_tokens) == (477, 256)


def test_a_schema_that_cannot_be_used_is_told_without_its_wrapping() -> None:
    inner = {"error": {"code": 400, "message": "JSON schema conversion failed", "type": "invalid_request_error"}}
    error = said(400, json.dumps(inner))
    assert isinstance(error, errors.BadRequestUpstream)
    assert "{" not in error.message


def test_a_printed_go_map_in_the_stream_is_unwrapped() -> None:
    line = "llama-server chat error: map[code:500 message:slot was lost type:server_error]"
    error = failure_in_stream(line, asked())
    assert isinstance(error, errors.UpstreamBroken)
    assert error.message.endswith(": slot was lost")


def test_a_missing_model_says_what_to_run_safely_quoted() -> None:
    assert said(404, "model not found", "qwen2.5:1.5b").hint == (
        "ollama pull qwen2.5:1.5b, or amalfa models pull qwen2.5:1.5b"
    )
    assert said(404, "model not found", "a; rm -rf /").hint.startswith("ollama pull 'a; rm -rf /'")


def test_a_404_that_is_no_json_is_another_server() -> None:
    error = failure_of_status(404, "404 page not found", asked())
    assert isinstance(error, errors.UpstreamBroken)
    assert "may not be an Ollama server" in error.message


@pytest.mark.parametrize(
    ("status", "more", "model", "kind", "hint"),
    [
        (401, {"signin_url": "https://ollama.com/connect?key=abc"}, QWEN, errors.ModelRefused, "ollama signin"),
        (401, {}, "gpt-oss:120b-cloud", errors.ModelRefused, "ollama signin"),
        (401, {}, QWEN, errors.Unauthorized, "sonar.providers.ollama.apiKey"),
        (403, {}, "gpt-oss:cloud", errors.ModelRefused, "runs on the host itself"),
    ],
)
def test_a_refused_cloud_model_does_not_condemn_its_host(
    status: int, more: dict[str, object], model: str, kind: type[CallError], hint: str
) -> None:
    error = said(status, "unauthorized", model, **more)
    assert type(error) is kind
    assert hint in error.hint
    assert "key=abc" not in str(error)


def test_an_empty_403_is_explained() -> None:
    error = failure_of_status(403, "", asked())
    assert isinstance(error, errors.Unauthorized)
    assert "host name" in error.message


def test_a_model_that_takes_no_tools_is_passed_over_and_stays_in_use_for_other_calls() -> None:
    refused = said(400, "registry.ollama.ai/library/tiny:latest does not support tools")
    assert isinstance(refused, errors.ModelRefused)
    assert not isinstance(refused, COUNTED)
    step = next_step(refused, tries=1, has_peer=True, left_s=60.0, random=Random(1))
    assert isinstance(step, NextModel)
