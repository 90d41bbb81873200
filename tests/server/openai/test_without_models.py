"""With no model at hand: quotes from the notes where they answer, and an honest refusal everywhere else."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.server.openai.house import House, house

ANSWERED: list[Any] = [{"role": "user", "content": "With what is the kettle descaled?"}]
UNANSWERED: list[Any] = [{"role": "user", "content": "Write a poem about submarines"}]
NOWHERE = "127.0.0.1:1"
WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def bare() -> Iterator[House]:
    with house({"sonar": {"host": NOWHERE}}) as opened:
        yield opened


@pytest.fixture
def client(bare: House) -> Iterator[OpenAI]:
    with bare.client() as opened:
        yield opened


@pytest.mark.parametrize("model", ["amalfa", "ollama:qwen2.5:1.5b", "embedded:extractive"])
def test_the_notes_are_quoted_and_the_reply_says_so(client: OpenAI, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=model, messages=ANSWERED)
    reply = raw.parse()
    text = reply.choices[0].message.content or ""
    assert "descaled with vinegar" in text
    assert "Sources:\n[1] guide.md:" in text
    assert (reply.model, raw.headers["x-amalfa-model"]) == ("embedded:extractive", "embedded:extractive")
    assert raw.headers["x-amalfa-tier"] == "embedded"
    assert reply.usage is None, "nobody counted, and nothing is made up"


def test_the_quote_is_streamed_too(client: OpenAI) -> None:
    with client.chat.completions.create(
        model="amalfa", messages=ANSWERED, stream=True, stream_options={"include_usage": True}
    ) as stream:
        assert stream.response.headers["x-amalfa-model"] == "embedded:extractive"
        chunks = list(stream)
    assert "vinegar" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"messages": UNANSWERED},
        {"messages": ANSWERED, "tools": [WEATHER]},
        {"messages": ANSWERED, "response_format": {"type": "json_object"}},
        {"messages": UNANSWERED, "model": "embedded:extractive"},
    ],
)
def test_what_the_notes_cannot_answer_is_refused(client: OpenAI, options: Any, is_stream: bool) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(**{"model": "amalfa", **options}, stream=is_stream)
    assert caught.value.status_code == 503
    assert "Fix: " in caught.value.message


def test_without_fallback_nothing_stands_in() -> None:
    config = {"sonar": {"host": NOWHERE, "routing": {"fallback": False}}}
    with (
        house(config) as sonar,
        sonar.client() as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        client.chat.completions.create(model="amalfa", messages=ANSWERED)
    assert caught.value.status_code == 503
