"""Every fault as a client on the wire sees it."""

import gzip
import json
import zlib
from typing import Any

import httpx
import pytest

from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.raw_http import RawAnswer, ask

WORDS = {"text": "one two three four five"}


async def told(step: dict[str, Any], *, stream: bool = True) -> RawAnswer:
    """What one chat request gets under this step."""
    async with OllamaSimulator(["m"]) as sim:
        sim.script("*", {**WORDS, **step})
        body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        return await ask(sim.port, "POST", "/api/chat", body=body)


def said(answer: RawAnswer) -> str:
    lines = [line for line in answer.body.splitlines() if line.endswith(b"}")]
    return "".join(json.loads(line).get("message", {}).get("content", "") for line in lines)


async def test_a_cut_after_two_pieces_leaves_the_chunked_body_open() -> None:
    answer = await told({"fault": "cut_after:2"})
    assert said(answer) == "one two"
    assert not answer.is_whole


async def test_a_cut_before_the_first_piece_still_sends_the_head() -> None:
    answer = await told({"fault": "cut_before_first"})
    assert (answer.status, answer.body, answer.is_whole) == (200, b"", False)


async def test_a_cut_beyond_the_last_piece_hits_before_the_end_record() -> None:
    answer = await told({"fault": "cut_after:99"})
    assert said(answer) == WORDS["text"]
    assert b'"done":true' not in answer.body
    assert not answer.is_whole


async def test_no_done_ends_properly_without_the_end_record() -> None:
    answer = await told({"fault": "no_done"})
    assert answer.is_whole
    assert b'"done":true' not in answer.body


async def test_end_after_stops_in_the_middle_as_if_all_was_well() -> None:
    answer = await told({"fault": "end_after:3"})
    assert (said(answer), answer.is_whole) == ("one two three", True)


async def test_half_a_frame_is_half_a_json_object() -> None:
    answer = await told({"fault": "half_frame_after:1"})
    last = answer.body.splitlines()[-1]
    assert last.startswith(b'{"model"')
    with pytest.raises(ValueError, match=r"Unterminated|delimiter|Expecting"):
        json.loads(last)


async def test_a_reset_reaches_the_client_as_a_connection_error() -> None:
    async with OllamaSimulator(["m"]) as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        sim.script("*", {"fault": "reset"})
        with pytest.raises(httpx.ReadError):
            await client.post("/api/chat", json={"model": "m", "messages": [{"role": "user", "content": "hi"}]})


async def test_an_illegal_chunk_header_is_a_protocol_error() -> None:
    async with OllamaSimulator(["m"]) as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        sim.script("*", {"fault": "bad_chunk_after:1"})
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/api/chat", json={"model": "m", "messages": [{"role": "user", "content": "hi"}]})


@pytest.mark.parametrize("fault", ["hang", "stall_after:2"])
async def test_silence_lasts_until_the_client_gives_up(fault: str) -> None:
    async with OllamaSimulator(["m"]) as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        sim.script("*", {**WORDS, "fault": fault})
        with pytest.raises(httpx.ReadTimeout):
            await client.post(
                "/api/chat", json={"model": "m", "messages": [{"role": "user", "content": "hi"}]}, timeout=0.05
            )
        await sim.idle()
        assert len(sim.disconnects) == 1


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        ("html", 502, "text/html"),
        ("empty", 200, "application/json"),
        ("cloudflare:524", 524, "text/plain; charset=UTF-8"),
    ],
)
async def test_pages_that_are_no_answers(fault: str, status: int, content_type: str) -> None:
    answer = await told({"fault": fault})
    assert (answer.status, answer.header("Content-Type")) == (status, content_type)


async def test_a_redirect_names_the_other_place() -> None:
    answer = await told({"fault": "redirect:http://127.0.0.1:1/x"})
    assert (answer.status, answer.header("Location")) == (307, "http://127.0.0.1:1/x")


async def test_split_cuts_the_body_into_chunks_of_that_size() -> None:
    answer = await told({"fault": "split:1", "text": "ü"})
    assert answer.chunks is not None
    assert set(answer.chunks) == {0, 1}
    assert said(answer) == "ü"


async def test_merge_sends_all_lines_in_one_chunk() -> None:
    answer = await told({"fault": "merge"})
    assert answer.chunks is not None
    assert len(answer.chunks) == 2
    assert said(answer) == WORDS["text"]


async def test_crlf_ends_each_line_with_both() -> None:
    answer = await told({"fault": "crlf"})
    assert answer.body.count(b"\r\n") == answer.body.count(b"\n") > 1


async def test_bad_utf8_stands_inside_the_content() -> None:
    with pytest.raises(UnicodeDecodeError):
        (await told({"fault": "bad_utf8"})).body.decode()


async def test_the_endless_stream_goes_past_any_limit() -> None:
    async with OllamaSimulator(["m"]) as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        sim.script("*", {"text": "again", "fault": "endless"})
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "options": {"num_predict": 5}}
        count = 0
        async with client.stream("POST", "/api/chat", json=body) as reply:
            async for _line in reply.aiter_lines():
                count += 1
                if count > 50:
                    break
        assert count > 50


async def test_a_long_line_has_no_newline() -> None:
    answer = await told({"fault": "long_line:1"})
    assert len(answer.body) > 1_000_000
    assert b"\n" not in answer.body


async def test_a_gzip_bomb_is_small_on_the_wire_and_valid() -> None:
    answer = await told({"fault": "gzip_bomb:4"})
    assert len(answer.body) < 20_000
    assert len(zlib.decompress(answer.body, wbits=31)) == 4 << 20


@pytest.mark.parametrize("stream", [True, False])
async def test_gzip_is_announced_and_decodes(stream: bool) -> None:
    answer = await told({"fault": "gzip"}, stream=stream)
    assert answer.header("Content-Encoding") == "gzip"
    assert b'"done":true' in gzip.decompress(answer.body)


async def test_a_stream_may_lack_its_end_mark_or_go_on_after_it() -> None:
    short, surplus = await told({"fault": "short_body"}), await told({"fault": "excess_body"})
    assert b'"done":true' in short.body
    assert not short.is_whole
    assert said(surplus) == WORDS["text"]
    assert surplus.is_whole


@pytest.mark.parametrize("fault", ["short_body", "cut_after:1", "half_frame_after:1"])
async def test_a_whole_answer_can_break_off_in_the_middle(fault: str) -> None:
    answer = await told({"fault": fault}, stream=False)
    assert not answer.is_whole
    assert answer.body.startswith(b'{"model"')


async def test_a_whole_answer_may_come_without_a_length() -> None:
    answer = await told({"fault": "no_length"}, stream=False)
    assert answer.header("Content-Length") is None
    assert json.loads(answer.body)["done"]


async def test_a_stream_may_come_without_framing_and_be_cut_by_the_close() -> None:
    whole, cut = await told({"fault": "no_length"}), await told({"fault": ["no_length", "cut_after:2"]})
    assert (whole.chunks, whole.header("Connection")) == (None, "close")
    assert b'"done":true' in whole.body
    assert said(cut) == "one two"


async def test_surplus_bytes_follow_the_promised_length() -> None:
    answer = await told({"fault": "excess_body"}, stream=False)
    assert not answer.is_whole
    assert answer.body.endswith(b"}surplus")


async def test_the_wrong_type_is_announced_for_a_right_body() -> None:
    answer = await told({"fault": "wrong_type"})
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert said(answer) == WORDS["text"]


async def test_close_idle_drops_the_kept_connection_after_a_good_answer() -> None:
    async with OllamaSimulator(["m"]) as sim:
        sim.script("/api/version", {"fault": "close_idle"})
        # The client keeps the connection open, so reading ends only because the server closes.
        answer = await ask(sim.port, "GET", "/api/version", headers={"Connection": "keep-alive"})
        assert answer.is_whole
        assert answer.header("Connection") is None


async def test_drip_sends_single_bytes() -> None:
    async with OllamaSimulator(["m"]) as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        sim.script("/api/version", {"fault": "drip:1"})
        async with client.stream("GET", "/api/version") as reply:
            sizes = [len(data) async for data in reply.aiter_raw()]
        assert len(sizes) > 5
        assert sum(sizes) == len('{"version":"0.33.0"}')


@pytest.mark.parametrize("fault", ["close", "reset"])
async def test_a_connection_can_be_refused_service_before_a_byte_is_read(fault: str) -> None:
    async with OllamaSimulator(["m"]) as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        sim.script("connect", {"fault": fault})
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await client.get("/api/version")
        assert (await client.get("/api/version")).status_code == 200
        assert len(sim.requests) == 1
