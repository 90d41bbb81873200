"""Running a plan: what moves on, what is tried again, what ends the call, and what the ledger says of it."""

from collections.abc import AsyncGenerator

import anyio
import anyio.lowlevel
import pytest

from amalfa.calls import Judged, Tier, Usage
from amalfa.errors import (
    BadReply,
    BrokenOff,
    CallError,
    ConnectFailed,
    ModelMissing,
    NoProvider,
    OutOfTime,
    RateLimited,
    Stalled,
    Truncated,
    Unauthorized,
    UpstreamBroken,
)
from amalfa.execution.executor import Executor, Means
from amalfa.execution.steps import Chosen, Phase
from amalfa.providers.provider import Event, Request, TextDelta
from tests.fakes import FakeClock, FakeLedger, FakePlanner, FakeProvider, FakeVerdicts, Listener, a_call, entry_for


class House:
    """An executor over fakes."""

    def __init__(self, *providers: FakeProvider, judged: tuple[Judged, ...] = ()) -> None:
        self.clock = FakeClock()
        self.ledger = FakeLedger()
        self.verdicts = FakeVerdicts()
        self.listener = Listener()
        planner = FakePlanner(tuple(entry_for(provider) for provider in providers), judged)
        self.executor = Executor(
            Means(
                providers={provider.name: provider for provider in providers},
                planner=planner,
                ledger=self.ledger,
                verdicts=self.verdicts,
                clock=self.clock,
                generation=7,
            )
        )


def cloud(*scripts: list[str | CallError], cost_usd: float | None = 0.002) -> FakeProvider:
    return FakeProvider("openrouter", Tier.CLOUD, False, "openrouter", list(scripts), cost_usd)


def local(*scripts: list[str | CallError]) -> FakeProvider:
    return FakeProvider(scripts=list(scripts))


async def test_the_first_model_that_answers_serves_the_call() -> None:
    house = House(local(["Hel", "lo."]), cloud())
    answer = await house.executor.tell(a_call(), house.listener)
    assert answer.text == "Hello."
    assert house.listener.text == "Hello."
    assert (answer.route.model, answer.route.tier, answer.route.generation) == ("ollama:m", Tier.LOCAL, 7)
    assert house.verdicts.good == ["ollama"]


@pytest.mark.parametrize(
    "failure",
    [
        ConnectFailed("refused"),
        Unauthorized("the key was refused"),
        ModelMissing("no such model"),
        UpstreamBroken("500"),
        Stalled("nothing came"),
        Truncated("cut off"),
        RateLimited("slow down", retry_after_s=3600),
        RateLimited("slow down"),
    ],
    ids=lambda failure: f"{type(failure).__name__} moves on",
)
async def test_a_failure_before_the_first_word_moves_on_unheard(failure: CallError) -> None:
    house = House(cloud([failure]), local(["Here."]))
    answer = await house.executor.tell(a_call(), house.listener)
    assert answer.text == house.listener.text == "Here."
    assert [attempt.outcome for attempt in answer.route.attempts] == [failure.code, "ok"]
    assert f"openrouter:m failed: {failure.message}" in answer.route.reason
    assert house.verdicts.bad == [("openrouter", failure.code)]


async def test_after_the_first_word_nothing_is_spliced() -> None:
    second = local(["Other."])
    house = House(cloud(["Half", UpstreamBroken("reset")]), second)
    with pytest.raises(BrokenOff) as caught:
        await house.executor.tell(a_call(), house.listener)
    assert house.listener.text == "Half"
    assert second.asked == []
    assert caught.value.route is not None
    assert house.ledger.closed[1].state == "failed"


async def test_a_whole_answer_caller_gets_the_next_model_even_after_words() -> None:
    house = House(cloud(["Half", UpstreamBroken("reset", is_maybe_paid=True)]), local(['{"a": 1}']))
    answer = await house.executor.ask(a_call(), house.listener, read=lambda text: text)
    assert answer.value == '{"a": 1}'
    assert house.listener.text == ""
    assert answer.usage.cost_usd is None, "a cost that may have arisen is unknown, not zero"


async def test_a_stream_without_a_terminal_record_is_a_failure() -> None:
    endless = local(["text that parses"])
    endless.has_terminal_record = False
    house = House(endless)
    with pytest.raises(NoProvider):
        await house.executor.ask(a_call(), house.listener, read=lambda text: text)


async def test_a_bad_reply_is_corrected_once_and_quoted_back() -> None:
    provider = local(["broken"], ['"fixed"'])
    house = House(provider)

    def read(text: str) -> str:
        if text == "broken":
            raise BadReply("It is not JSON.")
        return text

    answer = await house.executor.ask(a_call(), house.listener, read=read)
    assert answer.value == '"fixed"'
    correction = provider.asked[1].prompt.messages
    assert correction[-2].content == "broken"
    assert "It is not JSON." in correction[-1].content
    assert [closing.error_code for closing in house.ledger.closed.values()] == ["bad_reply", None]


async def test_a_second_bad_reply_moves_on() -> None:
    first, second = local(["bad"], ["bad"]), cloud(["good"])
    house = House(first, second)

    def read(text: str) -> str:
        if text == "bad":
            raise BadReply("no")
        return text

    assert (await house.executor.ask(a_call(), house.listener, read=read)).value == "good"
    assert len(first.asked) == 2


async def test_a_short_retry_after_is_obeyed_once() -> None:
    provider = local([RateLimited("wait", retry_after_s=0.0)], ["Now."])
    house = House(provider, cloud())
    answer = await house.executor.tell(a_call(), house.listener)
    assert answer.text == "Now."
    assert Phase("waiting 0 s, as the provider asked") in house.listener.heard


async def test_a_late_rate_limit_does_not_start_the_text_over() -> None:
    provider = local(["Half", RateLimited("wait", retry_after_s=0.0)], ["Half again."])
    house = House(provider)
    with pytest.raises(BrokenOff):
        await house.executor.tell(a_call(), house.listener)
    assert house.listener.text == "Half"
    assert len(provider.asked) == 1


async def test_every_row_is_committed_before_its_request_leaves() -> None:
    house = House(local([ConnectFailed("refused")]), cloud(["Yes."]))
    provider = house.executor._means.providers["openrouter"]
    seen: list[int] = []

    async def watched(request: Request) -> AsyncGenerator[Event, None]:
        seen.append(len(house.ledger.opened))
        async for event in FakeProvider.stream(provider, request):  # type: ignore[arg-type]
            yield event

    provider.stream = watched  # type: ignore[method-assign]
    await house.executor.tell(a_call(), house.listener)
    assert seen == [2]
    assert [opening.model for opening in house.ledger.opened] == ["ollama:m", "openrouter:m"]


async def test_a_caller_who_leaves_takes_no_ledger_row_with_him() -> None:
    house = House(local(["never heard"]))
    provider = house.executor._means.providers["ollama"]

    async def endless(request: Request) -> AsyncGenerator[Event, None]:
        yield TextDelta("a")
        await anyio.sleep_forever()

    provider.stream = endless  # type: ignore[method-assign]
    async with anyio.create_task_group() as group:
        group.start_soon(house.executor.tell, a_call(), house.listener)
        while not house.listener.text:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert house.ledger.closed[1].state == "cancelled"
    assert house.ledger.closed[1].usage.cost_usd is None


async def test_when_nobody_serves_each_model_is_named_with_its_reason() -> None:
    judged = (Judged("ollama:x", "refused", "not_installed", "x is not installed. Fix: ollama pull x"),)
    house = House(cloud([Unauthorized("The key was refused.", hint="set another key")]), judged=judged)
    with pytest.raises(NoProvider) as caught:
        await house.executor.tell(a_call(), house.listener)
    assert "openrouter:m: The key was refused." in caught.value.message
    assert "ollama pull x" in caught.value.message
    assert caught.value.hint == "set another key"


async def test_a_call_whose_time_is_over_asks_nobody() -> None:
    provider = local(["late"])
    house = House(provider)
    with pytest.raises(OutOfTime):
        await house.executor.tell(a_call(deadline_s=999.0), house.listener)
    assert provider.asked == []
    assert house.ledger.opened == []


async def test_an_attempt_leaves_time_for_the_models_behind_it() -> None:
    first, second = local([Stalled("slow")]), cloud(["Yes."])
    house = House(first, second)
    await house.executor.tell(a_call(deadline_s=1005.0), house.listener)
    assert first.asked[0].deadline_s == pytest.approx(1004.0)
    assert second.asked[0].deadline_s == pytest.approx(1005.0)


async def test_what_left_the_machine_is_told_with_its_tokens() -> None:
    house = House(cloud(["Yes."]))
    answer = await house.executor.tell(a_call(), house.listener)
    assert answer.route.left_machine is not None
    assert (answer.route.left_machine.to, answer.route.left_machine.tokens) == (("openrouter:m",), 10)


async def test_what_stayed_here_left_nothing() -> None:
    house = House(local(["Yes."]))
    assert (await house.executor.tell(a_call(), house.listener)).route.left_machine is None


async def test_a_reply_cut_at_its_limit_still_costs_what_was_counted() -> None:
    cut = Truncated("cut at its limit", is_maybe_paid=True)
    cut.usage = Usage(400, 100, 0.25)
    house = House(cloud([cut]), local(["Yes."]))
    answer = await house.executor.tell(a_call(), house.listener)
    assert answer.usage.cost_usd == 0.25
    assert house.ledger.closed[1].usage == Usage(400, 100, 0.25, 0)


async def test_a_refused_connection_sent_nothing_away() -> None:
    house = House(cloud([ConnectFailed("refused")]), local(["Yes."]))
    assert (await house.executor.tell(a_call(), house.listener)).route.left_machine is None


async def test_the_listener_hears_which_model_is_asked() -> None:
    house = House(local(["Yes."]))
    await house.executor.tell(a_call(), house.listener)
    assert isinstance(house.listener.heard[0], Chosen)


async def test_the_cost_of_an_answer_holds_all_its_attempts() -> None:
    house = House(cloud([UpstreamBroken("no")], cost_usd=0.5), FakeProvider("lan", scripts=[["Yes."]], cost_usd=0.25))
    answer = await house.executor.tell(a_call(), house.listener)
    assert answer.usage == Usage(10, 3, 0.25, 0)


async def test_a_model_asked_for_by_name_is_never_passed_over_in_silence() -> None:
    refused = Judged("openrouter:x/y", "refused", "cloud_disabled", "sonar.cloud.enabled is false", is_wanted=True)
    house = House(local(["Yes."]), judged=(refused,))
    answer = await house.executor.tell(a_call(), house.listener)
    assert "openrouter:x/y was not asked: sonar.cloud.enabled is false" in answer.route.reason
