"""What can go wrong in a stream, and what keeps it alive."""

import time
from typing import Any

import openai
import pytest
from openai import OpenAI

from amalfa.server import late_start
from tests.server.openai.house import MODEL, House, heard_until_error
from tests.system.harness import wait_until

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
ASKED = {"model": "amalfa", "messages": HELLO, "stream": True}


def test_a_call_that_fails_before_its_first_word_has_a_status_of_its_own(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, then={"status": 500})
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="amalfa", messages=HELLO, stream=True)
    assert caught.value.status_code == 503
    assert caught.value.response.headers["x-amalfa-request-id"].startswith("req_")


def test_a_stream_that_breaks_ends_in_an_error_and_never_in_done(sonar: House, client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"chunks": ["The ", "answer ", "is "], "fault": "cut_after:2"})
    heard, error = heard_until_error(client.chat.completions.create(model="amalfa", messages=HELLO, stream=True))
    assert heard.startswith("The ")
    assert (error.code, error.type) == ("broken_off", "server_error")

    ollama.script(MODEL, {"chunks": ["The ", "answer ", "is "], "fault": "cut_after:2"})
    with sonar.raw() as raw:
        text = raw.post("/v1/chat/completions", json=ASKED).text
    assert "[DONE]" not in text
    assert text.rstrip().split("\n\n")[-1].startswith('data: {"error": ')


def test_pieces_go_out_as_they_come(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"chunks": ["one ", "two ", "three"], "token_ms": 150})
    chunks = client.chat.completions.create(model="amalfa", messages=HELLO, stream=True)
    times = [time.monotonic() for chunk in chunks if chunk.choices[0].delta.content]
    assert times[-1] - times[0] > 0.2


def test_a_slow_stream_is_kept_alive_by_comments(
    sonar: House, client: OpenAI, ollama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_start, "PING_EVERY_S", 0.02)
    step = {"chunks": ["one ", "two ", "three"], "token_ms": 100}
    ollama.script(MODEL, step, step)
    chunks = client.chat.completions.create(model="amalfa", messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "one two three"
    with sonar.raw() as raw:
        assert ": ping\n\n" in raw.post("/v1/chat/completions", json=ASKED).text


def test_a_model_that_is_long_in_coming_does_not_look_like_a_dead_one(
    sonar: House, client: OpenAI, ollama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_start, "QUIET_START_S", 0.05)
    ollama.script(MODEL, *[{"text": "At last.", "delay_ms": 400}] * 2)
    with sonar.raw() as raw:
        reply = raw.post("/v1/chat/completions", json=ASKED)
    assert reply.text.startswith(": ping\n\ndata: ")
    assert "x-amalfa-model" not in reply.headers
    chunks = list(client.chat.completions.create(model="amalfa", messages=HELLO, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "At last."


def test_a_client_that_leaves_ends_the_work(client: OpenAI, ollama: Any, sonar: House) -> None:
    left = len(ollama.disconnects)
    ollama.script(MODEL, {"chunks": ["on and "] * 500, "token_ms": 20})
    stream = client.chat.completions.create(model="amalfa", messages=HELLO, stream=True)
    next(iter(stream))
    stream.close()
    wait_until(lambda: len(ollama.disconnects) > left, patience_s=5)
    wait_until(lambda: sonar.engine.running_calls == 0, patience_s=5)
