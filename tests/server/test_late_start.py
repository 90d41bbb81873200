"""Streams that begin with their first piece: real statuses before it, errors in the stream after it, pings."""

import json
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from amalfa.calls import ModelName, Tier
from amalfa.errors import AmalfaError, BadReply, NoProvider
from amalfa.execution.steps import Chosen, Delta, Emit, Phase, ToolDelta
from amalfa.server import late_start
from amalfa.server.late_start import LateStart, LateWork

CHOSEN = Chosen(ModelName("ollama", "m"), Tier.LOCAL, "local by default")
OTHER = Chosen(ModelName("openrouter", "a/b"), Tier.CLOUD, "the first one failed")


class Plain:
    """Writes every part as a word."""

    media_type = "text/plain"

    def first(self, chosen: Chosen | None) -> bytes:
        return f"<{chosen.model if chosen else ''}>".encode()

    def piece(self, step: Delta | ToolDelta) -> bytes:
        return step.text.encode() if isinstance(step, Delta) else b""

    def end(self, result: str) -> bytes:
        if result == "bad":
            raise BadReply("It is no good.")
        return f"[{result}]".encode()

    def error(self, error: AmalfaError) -> bytes:
        return f"!{error.code}".encode()

    def refusal(self, error: AmalfaError) -> Response:
        return JSONResponse({"refused": error.code}, status_code=error.http_status)

    def ping(self) -> bytes:
        return b"."


async def sent_by(work: LateWork[str]) -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    await LateStart(work, Plain(), request_id="req_1")({"type": "http"}, receive, send)
    return messages


def read(messages: Sequence[Message]) -> tuple[int, dict[str, str], str]:
    """Status, headers and text; fails unless there is one start and one end, the end last."""
    start, *bodies = messages
    assert start["type"] == "http.response.start"
    assert [body.get("more_body", False) for body in bodies] == [True] * (len(bodies) - 1) + [False]
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(body["body"] for body in bodies).decode()


async def test_a_good_reply_begins_with_its_first_piece() -> None:
    async def work(emit: Emit) -> str:
        await emit(Phase("searching"))
        await emit(CHOSEN)
        await emit(Delta("a"))
        await emit(Delta("b"))
        return "end"

    status, headers, text = read(await sent_by(work))
    assert (status, text) == (200, "<ollama:m>ab[end]")
    assert headers["x-amalfa-model"] == "ollama:m"
    assert headers["x-amalfa-request-id"] == "req_1"
    assert headers["content-type"].startswith("text/plain")
    assert "content-length" not in headers


async def test_the_model_named_is_the_one_whose_words_follow() -> None:
    async def work(emit: Emit) -> str:
        await emit(CHOSEN)
        await emit(OTHER)
        await emit(Delta("a"))
        return "end"

    _, headers, text = read(await sent_by(work))
    assert headers["x-amalfa-model"] == "openrouter:a/b"
    assert text.startswith("<openrouter:a/b>")


async def test_what_fails_before_the_first_piece_has_its_own_status() -> None:
    async def work(emit: Emit) -> str:
        await emit(CHOSEN)
        raise NoProvider("No model could serve.")

    status, headers, text = read(await sent_by(work))
    assert status == 502
    assert json.loads(text) == {"refused": "no_provider"}
    assert "content-length" in headers


async def test_what_fails_after_the_first_piece_ends_the_stream_with_an_error() -> None:
    async def work(emit: Emit) -> str:
        await emit(Delta("a"))
        raise NoProvider("No model could serve.")

    assert read(await sent_by(work))[2] == "<>a!no_provider"


async def test_a_bug_before_and_after_the_first_piece_is_told_and_no_more(caplog: Any) -> None:
    async def at_once(emit: Emit) -> str:
        raise RuntimeError("a secret")

    async def late(emit: Emit) -> str:
        await emit(Delta("a"))
        raise RuntimeError("a secret")

    assert read(await sent_by(at_once))[0] == 500
    assert read(await sent_by(late))[2] == "<>a!internal"


async def test_an_end_that_cannot_be_written_is_a_failure() -> None:
    async def at_once(emit: Emit) -> str:
        return "bad"

    async def late(emit: Emit) -> str:
        await emit(Delta("a"))
        return "bad"

    assert read(await sent_by(at_once))[0] == 502
    assert read(await sent_by(late))[2] == "<>a!bad_reply"


async def test_a_reply_without_pieces_is_sent_whole() -> None:
    async def work(emit: Emit) -> str:
        await emit(CHOSEN)
        return "end"

    assert read(await sent_by(work))[2] == "<ollama:m>[end]"


async def test_a_piece_that_is_written_as_nothing_begins_nothing() -> None:
    async def work(emit: Emit) -> str:
        await emit(ToolDelta(0, "a", "weather"))
        raise NoProvider("No model could serve.")

    assert read(await sent_by(work))[0] == 502


async def test_a_quiet_stream_is_kept_alive_from_its_first_piece_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_start, "PING_EVERY_S", 0.01)

    async def work(emit: Emit) -> str:
        await anyio.sleep(0.05)
        await emit(Delta("a"))
        await anyio.sleep(0.05)
        return "end"

    text = read(await sent_by(work))[2]
    assert text.startswith("<>a.")
    assert text.endswith(".[end]")


def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_start, "QUIET_START_S", 0.02)
    monkeypatch.setattr(late_start, "PING_EVERY_S", 60)


async def test_who_waits_long_for_the_first_piece_hears_that_the_reply_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    _impatient(monkeypatch)

    async def work(emit: Emit) -> str:
        await emit(CHOSEN)
        await anyio.sleep(0.2)
        await emit(OTHER)
        await emit(Delta("a"))
        return "end"

    status, headers, text = read(await sent_by(work))
    assert (status, text) == (200, ".<openrouter:a/b>a[end]")
    assert "x-amalfa-model" not in headers, "nobody knew who would answer"
    assert headers["x-amalfa-request-id"] == "req_1"


async def test_what_fails_after_a_long_wait_ends_the_stream_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _impatient(monkeypatch)

    async def work(emit: Emit) -> str:
        await anyio.sleep(0.2)
        raise NoProvider("No model could serve.")

    status, _, text = read(await sent_by(work))
    assert (status, text) == (200, ".!no_provider")


async def test_a_reply_without_pieces_is_whole_after_a_long_wait_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _impatient(monkeypatch)

    async def work(emit: Emit) -> str:
        await anyio.sleep(0.2)
        return "end"

    assert read(await sent_by(work))[2] == ".<>[end]"


async def test_the_work_ends_with_its_caller() -> None:
    has_ended = anyio.Event()

    async def work(emit: Emit) -> str:
        try:
            await emit(Delta("a"))
            await anyio.sleep_forever()
        finally:
            has_ended.set()
        return "end"

    async with anyio.create_task_group() as group:
        group.start_soon(sent_by, work)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert has_ended.is_set()
