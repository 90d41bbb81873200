"""How replies are written for clients of Ollama."""

import json
from typing import Any

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from amalfa.calls import Route, Tier, Usage
from amalfa.errors import BadReply, Busy, NoProvider
from amalfa.execution.steps import Delta, Emit, ToolDelta
from amalfa.messages import ToolCall
from amalfa.server import late_start, shapes
from amalfa.server.late_start import LateStart
from amalfa.server.ollama.chat import as_message
from amalfa.server.ollama.errors import SHAPES, error_reply
from amalfa.server.ollama.shown import OllamaChatReply
from amalfa.server.ollama.stream import Ended, Lines, Writer, calls_of
from tests.server.serving import post, read_to_end, serving

ROUTE = Route("ollama:m", "ollama", Tier.LOCAL, "chat", "local_first", "local by default", (), (), 1, "req_1")


def writer() -> Writer:
    return Writer("m", as_message, since_s=10.0, now_s=lambda: 10.5)


def ended(text: str = "", calls: tuple[ToolCall, ...] = (), usage: Usage | None = None) -> Ended:
    return Ended(text, calls, "tool_calls" if calls else "stop", usage or Usage(), ROUTE)


def records(written: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.splitlines()]


def test_counts_that_nobody_knows_are_left_out() -> None:
    last = writer().whole(ended("x"))
    OllamaChatReply.model_validate(last)
    assert last["total_duration"] == 500_000_000
    assert "eval_count" not in last
    assert "prompt_eval_count" not in last


def test_counts_that_are_known_are_told() -> None:
    last = writer().whole(ended("x", usage=Usage(tokens_in=7, tokens_out=0)))
    assert (last["prompt_eval_count"], last["eval_count"]) == (7, 0)


@pytest.mark.parametrize("arguments", ["[1]", "{", "1", '"x"', "[" * 5000])
def test_arguments_that_are_no_object_are_an_error_and_no_crash(arguments: str) -> None:
    with pytest.raises(BadReply, match="weather with arguments that are no JSON object"):
        calls_of((ToolCall("a", "weather", arguments),))


def test_a_call_without_arguments_has_none() -> None:
    (call,) = calls_of((ToolCall("a", "now", ""),))
    assert call == {"id": "a", "function": {"index": 0, "name": "now", "arguments": {}}}


def test_a_tool_call_is_written_once_and_whole() -> None:
    lines = Lines(writer(), request_id="req_1")
    assert lines.piece(ToolDelta(0, "a", "weather", '{"to')) == b""
    call, last = records(lines.end(ended(calls=(ToolCall("a", "weather", '{"town": "Amalfi"}'),))))
    assert call["message"]["tool_calls"][0]["function"]["arguments"] == {"town": "Amalfi"}  # type: ignore[index]  # JSON
    assert (call["done"], last["done"], last["done_reason"]) == (False, True, "stop")


def test_a_text_that_was_not_sent_in_pieces_is_sent_at_the_end() -> None:
    first, last = records(Lines(writer(), request_id="req_1").end(ended("all of it")))
    assert first["message"] == {"role": "assistant", "content": "all of it"}
    assert last["done"] is True


def test_a_text_that_was_sent_in_pieces_is_not_sent_again() -> None:
    lines = Lines(writer(), request_id="req_1")
    assert records(lines.piece(Delta("é\n")))[0]["message"] == {"role": "assistant", "content": "é\n"}
    (last,) = records(lines.end(ended("é\n")))
    assert last["message"] == {"role": "assistant", "content": ""}


def test_a_ping_is_a_record_that_every_client_can_read() -> None:
    (record,) = records(Lines(writer(), request_id="req_1").ping())
    OllamaChatReply.model_validate(record)
    assert record["done"] is False


def test_an_error_is_one_sentence_with_its_remedy() -> None:
    failure = NoProvider("No model could serve chat.", hint="amalfa doctor")
    expected = {"error": "No model could serve chat. Fix: amalfa doctor"}
    assert json.loads(Lines(writer(), request_id="req_1").error(failure)) == expected
    assert SHAPES.whole("/api/chat", failure) == expected
    assert json.loads(SHAPES.event("/api/chat", failure)) == expected
    reply = error_reply(failure)
    assert (reply.status_code, json.loads(bytes(reply.body))) == (502, expected)


def test_a_busy_sonar_says_when_to_come_again() -> None:
    assert error_reply(Busy("Sonar is busy.", retry_after_s=3)).headers["retry-after"] == "3"


class Waiting:
    """A route whose model says nothing for long, and then `says`; None fails. `has_begun` once the caller is told."""

    def __init__(self, says: str | None, *, after_s: float) -> None:
        self.says = says
        self.after_s = after_s
        self.has_begun = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def heard(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                self.has_begun.set()

        await LateStart(self._work, Lines(writer(), request_id="req_1"), request_id="req_1")(scope, receive, heard)

    async def _work(self, emit: Emit) -> Ended:
        await anyio.sleep(self.after_s)
        if self.says is None:
            raise NoProvider("No model could serve chat.")
        await emit(Delta(self.says))
        return ended(self.says)


def told_lines(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.split(b"\n") if line.startswith(b"{")]


@pytest.mark.parametrize(("says", "key"), [("At last.", "message"), (None, "error")])
async def test_a_model_that_is_long_in_coming_does_not_look_like_a_dead_one(
    monkeypatch: pytest.MonkeyPatch, says: str | None, key: str
) -> None:
    monkeypatch.setattr(late_start, "QUIET_START_S", 0.02)
    async with serving(Waiting(says, after_s=0.2), shapes=shapes.SHAPES) as served:
        told = await served.ask(post("/api/chat", b"{}"))
    first, second, *rest = told_lines(told.body)
    assert told.status == 200
    OllamaChatReply.model_validate(first)
    assert (first["message"]["content"], first["done"]) == ("", False)
    assert key in second
    assert [one["done"] for one in rest] == ([True] if says else [])


async def test_a_shutdown_ends_the_lines_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_start, "QUIET_START_S", 0.02)
    app = Waiting("Too late.", after_s=60)
    async with serving(app, shapes=shapes.SHAPES) as served, await served.dial() as caller:
        await caller.send(post("/api/chat", b"{}"))
        await app.has_begun.wait()
        served.guard.cancel_running()
        told = await read_to_end(caller)
    assert told_lines(told.body)[-1] == {
        "error": "Sonar shut down before this was done. Fix: amalfa sonar start",
    }
    assert told.raw.endswith(b"0\r\n\r\n")
