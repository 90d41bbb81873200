"""The faults of upstreams, each on a real socket, against every provider: what must come out of every one."""

import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest

from amalfa import errors
from amalfa.clock import SystemClock
from amalfa.errors import CallError
from amalfa.providers.anthropic import AnthropicProvider
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.openrouter import OpenRouterProvider
from amalfa.providers.provider import Provider, TextDelta
from tests.providers.asking import (
    KEY,
    OPUS,
    QUICK,
    QWEN,
    QWEN_72B,
    end_of,
    failure_of,
    hear,
    openrouter_at,
    request,
    text_of,
)
from tests.upstreams.anthropic import AnthropicSimulator
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.simulator import Simulator

WORDS = {"chunks": ["Amalfa ", "answers ", "questions."], "token_ms": 5}


class Upstream:
    """One of the pairs of simulator and provider, warm, with the model the tests ask for."""

    def __init__(self, sim: Simulator, provider: Provider, model: str) -> None:
        self.sim = sim
        self.provider = provider
        self.model = model

    def will(self, **step: object) -> None:
        self.sim.script(self.model, {**WORDS, **step})

    async def failure(self, **step: object) -> tuple[CallError, str]:
        self.will(**step)
        return await failure_of(self.provider, request(self.model))


@pytest.fixture(params=["ollama", "openrouter", "anthropic"])
async def upstream(
    request: pytest.FixtureRequest,
    ollama_sim: OllamaSimulator,
    ollama: OllamaProvider,
    openrouter_sim: OpenRouterSimulator,
    openrouter: OpenRouterProvider,
    anthropic_sim: AnthropicSimulator,
    anthropic: AnthropicProvider,
) -> Upstream:
    if request.param == "openrouter":
        return Upstream(openrouter_sim, openrouter, QWEN_72B)
    if request.param == "anthropic":
        return Upstream(anthropic_sim, anthropic, OPUS)
    await warm_up(ollama)
    return Upstream(ollama_sim, ollama, QWEN)


async def warm_up(provider: OllamaProvider) -> None:
    await hear(provider, request(QWEN))


async def test_a1_a_refused_connection_fails_at_once_and_says_so(upstream: Upstream) -> None:
    await upstream.sim.stop()
    began = time.perf_counter()
    error, _ = await failure_of(upstream.provider, request(upstream.model))
    assert isinstance(error, errors.ConnectFailed)
    assert time.perf_counter() - began < 0.1
    assert upstream.sim.url in error.message
    assert not error.is_maybe_paid


async def test_a4_a_server_that_says_nothing_runs_into_the_first_byte_limit(upstream: Upstream) -> None:
    began = time.perf_counter()
    error, _ = await upstream.failure(fault="hang")
    assert isinstance(error, errors.Stalled)
    assert time.perf_counter() - began < 1.0
    assert error.is_maybe_paid is (upstream.model != QWEN)


async def test_a5_a_reset_after_the_request_is_a_broken_upstream_that_may_bill(upstream: Upstream) -> None:
    error, _ = await upstream.failure(fault="reset")
    assert isinstance(error, errors.UpstreamBroken)
    assert error.is_maybe_paid is (upstream.model != QWEN)
    assert len([r for r in upstream.sim.requests if r.method == "POST" and r.json.get("messages")]) <= 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, errors.UpstreamBroken),
        (502, errors.UpstreamBroken),
        (503, errors.Overloaded),
    ],
)
async def test_a6_server_errors_are_told_apart_by_status(
    upstream: Upstream, status: int, kind: type[CallError]
) -> None:
    error, _ = await upstream.failure(status=status, body={"error": "it broke"})
    assert type(error) is kind
    assert "it broke" in error.message
    assert not error.is_maybe_paid


async def test_a6_openrouters_529_is_an_overload(openrouter_sim: OpenRouterSimulator, openrouter: Provider) -> None:
    openrouter_sim.script(QWEN_72B, {"error": "overloaded_529"})
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.Overloaded)


@pytest.mark.parametrize(
    ("header", "wait_s"), [("2", 2.0), ("-5", None), ("1000000000", 1e9), ("soon", None), ("nan", None)]
)
async def test_a7_retry_after_is_read_and_nonsense_ignored(
    header: str, wait_s: float | None, openrouter_sim: OpenRouterSimulator, openrouter: Provider
) -> None:
    openrouter_sim.script(
        QWEN_72B,
        {"status": 429, "body": {"error": {"code": 429, "message": "slow down"}}, "headers": {"Retry-After": header}},
    )
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after_s == wait_s


async def test_a7_retry_after_may_be_a_date(openrouter_sim: OpenRouterSimulator, openrouter: Provider) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    openrouter_sim.script(QWEN_72B, {"error": "upstream_429_bare", "headers": {"Retry-After": date}})
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after_s is not None
    assert 25 < error.retry_after_s <= 30


async def test_a8_a_bad_key_is_named_masked_with_its_origin(openrouter_sim: OpenRouterSimulator) -> None:
    bad = "sk-or-v1-0123456789abcdef"
    provider = OpenRouterProvider(openrouter_at(openrouter_sim.api_url, key=bad), clock=SystemClock(), patience=QUICK)
    error, _ = await failure_of(provider, request(QWEN_72B))
    await provider.aclose()
    assert isinstance(error, errors.Unauthorized)
    assert "sk-…def from /home/ada/notes/.env:3 OPENROUTER_API_KEY" in error.message
    assert bad not in str(error)
    assert len(openrouter_sim.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a8_a_guarded_ollama_is_unauthorized_even_with_an_empty_body(upstream: Upstream, status: int) -> None:
    error, _ = await upstream.failure(status=status, body="")
    assert isinstance(error, errors.Unauthorized)


async def test_a9_only_the_402_that_passes_says_when(openrouter_sim: OpenRouterSimulator, openrouter: Provider) -> None:
    openrouter_sim.script(QWEN_72B, {"error": "in_flight_budget"}, {"error": "insufficient_credits"})
    passing, _ = await failure_of(openrouter, request(QWEN_72B))
    lasting, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(passing, errors.PaymentRequired)
    assert passing.retry_after_s == 2.0
    assert isinstance(lasting, errors.PaymentRequired)
    assert lasting.retry_after_s is None
    assert "credits" in lasting.hint


async def test_a10_a_prompt_that_does_not_fit_is_refused_with_its_counts(ollama: OllamaProvider) -> None:
    await warm_up(ollama)
    error, _ = await failure_of(ollama, request(QWEN, text="word " * 9000))
    assert isinstance(error, errors.ContextTooLong)
    assert error.limit_tokens == 8192
    assert error.needed_tokens is not None
    assert error.needed_tokens > 8192


async def test_a10_openrouters_context_error_has_counts_too(openrouter: Provider) -> None:
    error, _ = await failure_of(openrouter, request(QWEN_72B, text="word " * 40000))
    assert isinstance(error, errors.ContextTooLong)
    assert (error.needed_tokens or 0) > (error.limit_tokens or 0) > 0


async def test_a11_a_missing_ollama_model_comes_with_its_pull_command(ollama: Provider) -> None:
    error, _ = await failure_of(ollama, request("nope:7b"))
    assert isinstance(error, errors.ModelMissing)
    assert error.hint == "ollama pull nope:7b, or amalfa models pull nope:7b"


async def test_a12_a_full_queue_is_an_overload(upstream: Upstream) -> None:
    said = {QWEN: "queue_full", QWEN_72B: "overloaded_503", OPUS: "overloaded"}
    error, _ = await upstream.failure(error=said[upstream.model])
    assert isinstance(error, errors.Overloaded)


@pytest.mark.parametrize(
    ("late", "kind"),
    [
        ("documented", errors.UpstreamBroken),
        ("first", errors.UpstreamBroken),
        ("no_choices", errors.UpstreamBroken),
        ("string_code", errors.UpstreamBroken),
        ("observed", errors.Truncated),
        ("rate_limited", errors.RateLimited),
    ],
)
async def test_a13_b7_an_error_inside_a_200_is_that_error_and_never_content(
    late: str, kind: type[CallError], openrouter_sim: OpenRouterSimulator, openrouter: Provider
) -> None:
    openrouter_sim.script(QWEN_72B, {**WORDS, "late_error": late, "after": 2})
    error, text = await failure_of(openrouter, request(QWEN_72B))
    assert type(error) is kind
    assert text == ("" if late == "first" else "Amalfa answers ")


@pytest.mark.parametrize("fault", ["html", "empty", "wrong_type"])
async def test_a14_pages_and_empty_replies_are_a_broken_upstream_in_few_words(upstream: Upstream, fault: str) -> None:
    error, text = await upstream.failure(fault=fault)
    assert isinstance(error, errors.UpstreamBroken)
    assert text == ""
    assert len(error.message) < 400
    assert error.message.isprintable()


@pytest.mark.parametrize("code", [502, 520, 524])
async def test_a14_cloudflares_pages_are_read_by_their_status(
    code: int, openrouter_sim: OpenRouterSimulator, openrouter: Provider
) -> None:
    openrouter_sim.script(QWEN_72B, {"fault": f"cloudflare:{code}"})
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.UpstreamBroken)
    assert str(code) in error.message


async def test_a15_a_redirect_is_not_followed_and_the_key_stays(
    openrouter_sim: OpenRouterSimulator, openrouter: Provider, ollama_sim: OllamaSimulator
) -> None:
    openrouter_sim.script(QWEN_72B, {"fault": f"redirect:{ollama_sim.url}/api/v1/chat/completions"})
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.UpstreamBroken)
    assert "redirect" in error.message
    assert ollama_sim.connections == 0


@pytest.mark.parametrize("fault", ["cut_before_first", "close"])
async def test_b1_a_cut_before_the_first_token_gives_no_text(upstream: Upstream, fault: str) -> None:
    error, text = await upstream.failure(fault=fault)
    assert isinstance(error, errors.UpstreamBroken | errors.Truncated)
    assert text == ""


@pytest.mark.parametrize("fault", ["cut_after:2", "reset_after:2", "half_frame_after:2", "bad_chunk_after:2"])
async def test_b2_b3_b12_a_cut_after_tokens_is_no_answer(upstream: Upstream, fault: str) -> None:
    error, text = await upstream.failure(fault=fault)
    assert isinstance(error, errors.Truncated)
    assert text == "Amalfa answers "
    assert error.is_maybe_paid is (upstream.model != QWEN)


@pytest.mark.parametrize("fault", ["no_done", "end_after:2", "end_after:3"])
async def test_b4_an_end_without_the_terminal_record_is_no_answer(upstream: Upstream, fault: str) -> None:
    error, text = await upstream.failure(fault=fault)
    assert isinstance(error, errors.Truncated)
    assert text.startswith("Amalfa answers ")


async def test_b4_ollamas_silent_stop_at_repeats_is_no_answer(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    await warm_up(ollama)
    ollama_sim.script(QWEN, {"fault": "repeat_guard"})
    error, _ = await failure_of(ollama, request(QWEN))
    assert isinstance(error, errors.Truncated)


async def test_b4_done_without_a_finish_reason_is_no_answer(
    openrouter_sim: OpenRouterSimulator, openrouter: Provider
) -> None:
    openrouter_sim.script(QWEN_72B, {**WORDS, "fault": "no_finish"})
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.Truncated)


async def test_b5_one_byte_at_a_time_is_ended_by_the_clock_between_events(upstream: Upstream) -> None:
    began = time.perf_counter()
    error, _ = await upstream.failure(fault="drip:20")
    assert isinstance(error, errors.Stalled)
    assert time.perf_counter() - began < 3.0


async def test_b5_tokens_below_the_floor_are_ended_though_none_is_late(upstream: Upstream) -> None:
    error, text = await upstream.failure(chunks=["a"] * 50, token_ms=120)
    assert isinstance(error, errors.Stalled)
    assert "slower than one piece" in error.message
    assert 0 < len(text) < 10


async def test_b6_silence_in_the_middle_is_ended_by_the_idle_limit(upstream: Upstream) -> None:
    error, text = await upstream.failure(fault="stall_after:2")
    assert isinstance(error, errors.Stalled)
    assert "stopped coming" in error.message
    assert text == "Amalfa answers "


async def test_b6_comments_do_not_count_as_progress(openrouter_sim: OpenRouterSimulator, openrouter: Provider) -> None:
    openrouter_sim.script(QWEN_72B, {**WORDS, "odd": "comments_forever"})
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.Stalled)
    assert "first words" in error.message


@pytest.mark.parametrize("fault", ["split:1", "split:7", "merge", "crlf", "multiline_data"])
async def test_b8_the_same_text_at_every_cut(upstream: Upstream, fault: str) -> None:
    upstream.will(chunks=["naïve ", "日本 ", "🦜"], fault=fault, comments=3, comments_between=1)
    events = await hear(upstream.provider, request(upstream.model))
    assert text_of(events) == "naïve 日本 🦜"
    assert end_of(events).usage.tokens_out == 3


async def test_b8_bytes_that_are_no_utf8_are_a_broken_upstream(upstream: Upstream) -> None:
    error, _ = await upstream.failure(fault="bad_utf8")
    assert isinstance(error, errors.UpstreamBroken)


async def test_b9_a_line_without_end_is_cut_at_a_mebibyte(upstream: Upstream) -> None:
    headers = {"Content-Type": "text/event-stream"} if upstream.model != QWEN else {}
    error, _ = await upstream.failure(fault="long_line:50", headers=headers)
    assert isinstance(error, errors.UpstreamBroken)
    assert upstream.sim.requests[-1].bytes_sent < 8 << 20


@pytest.mark.parametrize("fault", ["gzip_bomb:500", "gzip"])
async def test_b10_a_packed_reply_is_refused_unread(upstream: Upstream, fault: str) -> None:
    error, _ = await upstream.failure(fault=fault)
    assert isinstance(error, errors.UpstreamBroken)
    assert "gzip" in error.message


@pytest.mark.parametrize("fault", ["endless", "endless_whitespace"])
async def test_b11_a_reply_that_runs_away_is_stopped_near_its_limit(upstream: Upstream, fault: str) -> None:
    error, text = await upstream.failure(fault=fault, token_ms=0)
    assert isinstance(error, errors.Truncated)
    assert "ran on" in error.message
    assert len(text) < 5000


async def test_b12_a_reply_is_whole_with_its_terminal_record_whatever_comes_after(upstream: Upstream) -> None:
    upstream.will(fault="excess_body")
    assert text_of(await hear(upstream.provider, request(upstream.model))) == "Amalfa answers questions."


async def test_b12_a_body_shorter_than_it_promised_is_no_answer(
    openrouter_sim: OpenRouterSimulator, openrouter: Provider
) -> None:
    openrouter_sim.script(QWEN_72B, {"text": "Half.", "odd": "json_instead_of_sse", "fault": "short_body"})
    error, text = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.Truncated)
    assert text == ""


async def test_b12_a_body_without_a_length_is_whole_only_with_its_terminal_record(
    openrouter_sim: OpenRouterSimulator, openrouter: Provider
) -> None:
    whole = {"text": "Fine.", "odd": "json_instead_of_sse", "fault": "no_length"}
    openrouter_sim.script(QWEN_72B, whole, {**whole, "finish": "length"})
    assert text_of(await hear(openrouter, request(QWEN_72B))) == "Fine."
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.Truncated)


async def test_b13_leaving_the_stream_ends_the_upstream_call_within_a_second(upstream: Upstream) -> None:
    upstream.will(chunks=["word "] * 500, token_ms=10)
    async with aclosing(upstream.provider.stream(request(upstream.model, max_tokens=1000))) as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
    await until(lambda: len(upstream.sim.disconnects) == 1, within_s=1.0)


async def test_b13_a_cancelled_caller_ends_the_upstream_call_too(upstream: Upstream) -> None:
    upstream.will(chunks=["word "] * 500, token_ms=10)
    with anyio.move_on_after(0.1):
        await hear(upstream.provider, request(upstream.model, max_tokens=1000))
    await until(lambda: len(upstream.sim.disconnects) == 1, within_s=1.0)


async def test_a_connection_is_used_again_after_a_whole_reply(upstream: Upstream) -> None:
    for _ in range(3):
        await hear(upstream.provider, request(upstream.model))
    assert upstream.sim.connections == 1


async def test_closing_the_provider_ends_a_running_reply_in_an_error(upstream: Upstream) -> None:
    upstream.will(chunks=["word "] * 500, token_ms=10)
    provider = upstream.provider
    stream = provider.stream(request(upstream.model, max_tokens=1000))
    while not isinstance(await anext(stream), TextDelta):
        pass
    await provider.aclose()
    with pytest.raises(CallError):
        await anext(stream)
    error, _ = await failure_of(upstream.provider, request(upstream.model))
    assert isinstance(error, errors.UpstreamBroken)


async def test_h7_our_key_quoted_back_is_masked(openrouter_sim: OpenRouterSimulator, openrouter: Provider) -> None:
    said = f"bad key {KEY}, or was it sk-or-v1-another-one?\x1b[31m"
    openrouter_sim.script(QWEN_72B, {"status": 400, "body": {"error": {"code": 400, "message": said}}})
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert KEY not in str(error)
    assert "another-one" not in str(error)
    assert "\x1b" not in str(error)


async def until(condition: object, *, within_s: float) -> None:
    assert callable(condition)
    with anyio.fail_after(within_s):
        while not condition():  # noqa: ASYNC110  # the other end of the socket has no event to wait for
            await anyio.sleep(0.01)
