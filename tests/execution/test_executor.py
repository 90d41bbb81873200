"""Running a plan: what moves on, what is tried again, what ends the call, and what the ledger says of it."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from amalfa.calls import Call, Handling, Judged, Price, Tier, Usage
from amalfa.errors import (
    BadReply,
    BrokenOff,
    CallError,
    ConnectFailed,
    ModelMissing,
    NoProvider,
    OutOfTime,
    OverBudget,
    RateLimited,
    Stalled,
    Truncated,
    Unauthorized,
    UpstreamBroken,
)
from amalfa.execution.executor import Executor
from amalfa.execution.free_tier import PER_MINUTE_OF_JOBS
from amalfa.execution.reading import Reading, unread
from amalfa.execution.steps import Chosen, Phase
from amalfa.providers.provider import Event, Request, TextDelta
from amalfa.routing.plan import Cap
from tests.fakes import (
    FakeClock,
    FakeKept,
    FakeLedger,
    FakePlanner,
    FakeProvider,
    FakeVerdicts,
    FakeWitness,
    Listener,
    a_call,
    entry_for,
    means_over,
)


class House:
    """An executor over fakes."""

    def __init__(self, *providers: FakeProvider, judged: tuple[Judged, ...] = ()) -> None:
        self.clock = FakeClock()
        self.ledger = FakeLedger()
        self.verdicts = FakeVerdicts()
        self.listener = Listener()
        self.planner = FakePlanner(tuple(entry_for(provider) for provider in providers), judged)
        self.means = means_over(
            providers, self.planner, ledger=self.ledger, verdicts=self.verdicts, clock=self.clock, generation=7
        )
        self.executor = Executor(self.means)

    def charge(self, price: Price, cap: Cap | None = None) -> None:
        """Let every cloud model of the plan cost this."""
        self.planner.cap = cap
        self.planner.entries = tuple(
            replace(entry, price=price, ceiling=price) if entry.tier is Tier.CLOUD else entry
            for entry in self.planner.entries
        )


def cloud(*scripts: list[str | CallError], cost_usd: float | None = 0.002) -> FakeProvider:
    return FakeProvider("openrouter", Tier.CLOUD, False, "openrouter", list(scripts), cost_usd)


def local(*scripts: list[str | CallError]) -> FakeProvider:
    return FakeProvider(scripts=list(scripts))


async def test_the_first_model_that_answers_serves_the_call() -> None:
    house = House(local(["Hel", "lo."]), cloud())
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
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
        Stalled("nothing came"),
        Truncated("cut off"),
        RateLimited("slow down", retry_after_s=3600),
        RateLimited("slow down"),
    ],
    ids=lambda failure: f"{type(failure).__name__} moves on",
)
async def test_a_failure_before_the_first_word_moves_on_unheard(failure: CallError) -> None:
    house = House(cloud([failure]), local(["Here."]))
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert answer.text == house.listener.text == "Here."
    assert [attempt.outcome for attempt in answer.route.attempts] == [failure.code, "ok"]
    assert f"openrouter:m failed: {failure.message}" in answer.route.reason
    assert house.verdicts.bad == [("openrouter", failure.code)]


async def test_after_the_first_word_nothing_is_spliced() -> None:
    second = local(["Other."])
    house = House(cloud(["Half", UpstreamBroken("reset")]), second)
    with pytest.raises(BrokenOff) as caught:
        await house.executor.tell(a_call(), house.listener, read=unread)
    assert house.listener.text == "Half"
    assert second.asked == []
    assert caught.value.route is not None
    assert house.ledger.closed[1].state == "failed"


async def test_a_whole_answer_caller_gets_the_next_model_even_after_words() -> None:
    house = House(cloud(["Half", Truncated("cut", is_maybe_paid=True)]), local(['{"a": 1}']))
    answer = await house.executor.ask(a_call(), house.listener, read=Reading)
    assert answer.value == '{"a": 1}'
    assert house.listener.text == ""
    assert answer.usage.cost_usd is None, "a cost that may have arisen is unknown, not zero"


async def test_a_stream_without_a_terminal_record_is_a_failure() -> None:
    endless = local(["text that parses"])
    endless.has_terminal_record = False
    house = House(endless)
    with pytest.raises(NoProvider):
        await house.executor.ask(a_call(), house.listener, read=Reading)


async def test_a_bad_reply_is_corrected_once_and_quoted_back() -> None:
    provider = local(["broken"], ['"fixed"'])
    house = House(provider)

    def read(text: str) -> Reading[str]:
        if text == "broken":
            raise BadReply("It is not JSON.")
        return Reading(text)

    answer = await house.executor.ask(a_call(), house.listener, read=read)
    assert answer.value == '"fixed"'
    correction = provider.asked[1].prompt.messages
    assert correction[-2].content == "broken"
    assert "It is not JSON." in correction[-1].content
    assert [closing.error_code for closing in house.ledger.closed.values()] == ["bad_reply", None]


async def test_a_second_bad_reply_moves_on() -> None:
    first, second = local(["bad"], ["bad"]), cloud(["good"])
    house = House(first, second)

    def read(text: str) -> Reading[str]:
        if text == "bad":
            raise BadReply("no")
        return Reading(text)

    assert (await house.executor.ask(a_call(), house.listener, read=read)).value == "good"
    assert len(first.asked) == 2


async def test_a_short_retry_after_is_obeyed_once() -> None:
    provider = local([RateLimited("wait", retry_after_s=0.0)], ["Now."])
    house = House(provider, cloud())
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert answer.text == "Now."
    assert Phase("waiting 0 s, as the provider asked") in house.listener.heard


class Hourglass:
    """Sleep that moves the clock instead of waiting."""

    def __init__(self, house: House) -> None:
        self.slept_s: list[float] = []
        self._clock = house.clock

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self._clock.seconds += seconds
        await anyio.lowlevel.checkpoint()


def a_job_call() -> Call:
    return replace(a_call(deadline_s=10_000.0), handling=Handling("background"))


async def test_a_job_waits_for_a_model_that_is_asked_too_fast_where_a_person_gets_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    too_fast: list[str | CallError] = [RateLimited("slow down", retry_after_s=30)]
    for call, asked in ((a_job_call(), (3, 0)), (a_call(), (1, 1))):
        first, second = cloud(too_fast, too_fast, ["From the first."]), local(["From the second."])
        house = House(first, second)
        glass = Hourglass(house)
        monkeypatch.setattr("amalfa.execution.executor.anyio.sleep", glass.sleep)
        await house.executor.ask(call, house.listener, read=unread)
        assert (len(first.asked), len(second.asked)) == asked
        assert glass.slept_s == ([30, 30] if asked == (3, 0) else [])


async def test_a_job_makes_its_free_calls_in_the_next_minute_and_people_need_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for call, waits in ((a_job_call(), [60]), (a_call(), [])):
        provider = cloud(["Yes."])
        house = House(provider)
        house.planner.entries = (entry_for(provider, "a/b:free"),)
        for _ in range(PER_MINUTE_OF_JOBS):
            house.means.signals.free_tier.count("openrouter", "a/b:free")
        glass = Hourglass(house)
        monkeypatch.setattr("amalfa.execution.executor.anyio.sleep", glass.sleep)
        assert (await house.executor.ask(call, house.listener, read=unread)).text == "Yes."
        assert glass.slept_s == waits


async def test_the_provider_is_told_whose_call_it_is_and_how_long_it_may_take() -> None:
    provider = cloud(["Yes."], ["Yes."])
    house = House(provider)
    await house.executor.ask(replace(a_call(), handling=Handling("background", limit_s=7)), house.listener, read=unread)
    await house.executor.ask(a_call(), house.listener, read=unread)
    assert [(one.lane, one.limit_s) for one in provider.asked] == [("background", 7), ("interactive", None)]


async def test_a_late_rate_limit_does_not_start_the_text_over() -> None:
    provider = local(["Half", RateLimited("wait", retry_after_s=0.0)], ["Half again."])
    house = House(provider)
    with pytest.raises(BrokenOff):
        await house.executor.tell(a_call(), house.listener, read=unread)
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
    await house.executor.tell(a_call(), house.listener, read=unread)
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
        group.start_soon(partial(house.executor.tell, a_call(), house.listener, read=unread))
        while not house.listener.text:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert house.ledger.closed[1].state == "cancelled"
    assert house.ledger.closed[1].usage.cost_usd is None


async def test_when_nobody_serves_each_model_is_named_with_its_reason() -> None:
    judged = (Judged("ollama:x", "refused", "not_installed", "x is not installed. Fix: ollama pull x"),)
    house = House(cloud([Unauthorized("The key was refused.", hint="set another key")]), judged=judged)
    with pytest.raises(NoProvider) as caught:
        await house.executor.tell(a_call(), house.listener, read=unread)
    assert "openrouter:m: The key was refused." in caught.value.message
    assert "ollama pull x" in caught.value.message
    assert caught.value.hint == "set another key"


async def test_a_remedy_stands_in_the_hint_or_in_the_message_and_not_in_both() -> None:
    judged = (Judged("openrouter:m", "refused", "no_key", "There is no key for openrouter. Fix: put it into .env"),)
    house = House(judged=judged)
    with pytest.raises(NoProvider) as caught:
        await house.executor.tell(a_call(), house.listener, read=unread)
    assert str(caught.value).count("put it into .env") == 1
    assert caught.value.hint == "put it into .env"


async def test_a_call_whose_time_is_over_asks_nobody() -> None:
    provider = local(["late"])
    house = House(provider)
    with pytest.raises(OutOfTime):
        await house.executor.tell(a_call(deadline_s=999.0), house.listener, read=unread)
    assert provider.asked == []
    assert house.ledger.opened == []


async def test_an_attempt_leaves_time_for_the_models_behind_it() -> None:
    first, second = local([Stalled("slow")]), cloud(["Yes."])
    house = House(first, second)
    await house.executor.tell(a_call(deadline_s=1005.0), house.listener, read=unread)
    assert first.asked[0].deadline_s == pytest.approx(1004.0)
    assert second.asked[0].deadline_s == pytest.approx(1005.0)


async def test_what_left_the_machine_is_told_with_its_tokens() -> None:
    house = House(cloud(["Yes."]))
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert answer.route.left_machine is not None
    assert (answer.route.left_machine.to, answer.route.left_machine.tokens) == (("openrouter:m",), 10)


async def test_what_stayed_here_left_nothing() -> None:
    house = House(local(["Yes."]))
    assert (await house.executor.tell(a_call(), house.listener, read=unread)).route.left_machine is None


async def test_a_reply_cut_at_its_limit_still_costs_what_was_counted() -> None:
    cut = Truncated("cut at its limit", is_maybe_paid=True, is_at_limit=True)
    cut.usage = Usage(400, 100, 0.25)
    house = House(cloud([cut], [cut]), local(["Yes."]))
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert answer.usage.cost_usd == 0.5
    assert house.ledger.closed[1].usage == Usage(400, 100, 0.25, 0)


async def test_a_reply_cut_at_its_limit_is_asked_for_once_more_with_twice_the_room() -> None:
    cut = Truncated("cut at its limit", is_at_limit=True)
    cut.usage = Usage(400, 100, 0.0)
    provider = local([cut], ["whole"])
    house = House(provider)
    answer = await house.executor.ask(a_call(), house.listener, read=Reading)
    assert answer.value == "whole"
    assert [request.prompt.max_tokens for request in provider.asked] == [100, 200]


async def test_repairs_are_told_by_the_route_and_the_ledger() -> None:
    house = House(local(["text"]))
    call = a_call()
    call = replace(call, prompt=replace(call.prompt, schema={"type": "object"}))
    answer = await house.executor.ask(call, house.listener, read=lambda text: Reading(text, ("fence", "comma")))
    assert answer.route.repairs == ("fence", "comma")
    assert (house.ledger.closed[1].repairs, house.ledger.closed[1].json_gate) == (("fence", "comma"), "repaired")


@pytest.mark.parametrize(
    ("error", "gate"),
    [
        (BadReply("no", gate="parse"), "unparsed"),
        (BadReply("no", gate="schema"), "invalid"),
        (BadReply("no", gate="facts"), "unfit"),
        (Truncated("cut"), "cut"),
        (Stalled("nothing"), None),
    ],
    ids=str,
)
async def test_the_ledger_says_where_a_reply_was_stopped(error: CallError, gate: str | None) -> None:
    is_bad = isinstance(error, BadReply)
    house = House(local(["text"] if is_bad else [error], ["text"]))
    call = a_call()
    call = replace(call, prompt=replace(call.prompt, schema={"type": "object"}))

    def read(text: str) -> Reading[str]:
        raise error

    with pytest.raises(NoProvider):
        await house.executor.ask(call, house.listener, read=read if is_bad else Reading)
    assert house.ledger.closed[1].json_gate == gate


async def test_a_reply_nobody_could_read_is_kept_and_named() -> None:
    house = House(local(["<nonsense>"], ["<nonsense>"]))

    def read(text: str) -> Reading[str]:
        raise BadReply("It is not JSON.")

    with pytest.raises(NoProvider) as caught:
        await house.executor.ask(a_call(), house.listener, read=read)
    assert "/state/replies/req_1.txt" in caught.value.hint
    kept = house.means.kept
    assert isinstance(kept, FakeKept)
    assert kept.texts == {"req_1": "<nonsense>"}


async def test_a_refused_connection_sent_nothing_away() -> None:
    house = House(cloud([ConnectFailed("refused")]), local(["Yes."]))
    assert (await house.executor.tell(a_call(), house.listener, read=unread)).route.left_machine is None


async def test_the_listener_hears_which_model_is_asked() -> None:
    house = House(local(["Yes."]))
    await house.executor.tell(a_call(), house.listener, read=unread)
    assert isinstance(house.listener.heard[0], Chosen)


async def test_the_cost_of_an_answer_holds_all_its_attempts() -> None:
    refusing = cloud([Stalled("nothing came", is_maybe_paid=True)], cost_usd=0.5)
    refusing.usage_of_errors = Usage(10, 500, 0.5)
    house = House(refusing, FakeProvider("lan", scripts=[["Yes."]], cost_usd=0.25))
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert answer.usage == Usage(10, 3, 0.75, 0)


async def test_a_model_asked_for_by_name_is_never_passed_over_in_silence() -> None:
    refused = Judged("openrouter:x/y", "refused", "cloud_disabled", "sonar.cloud.enabled is false", is_wanted=True)
    house = House(local(["Yes."]), judged=(refused,))
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert "openrouter:x/y was not asked: sonar.cloud.enabled is false" in answer.route.reason


async def test_a_broken_provider_is_tried_once_more_and_then_left() -> None:
    failing, second = cloud([UpstreamBroken("500")], [UpstreamBroken("502")]), local(["Here."])
    house = House(failing, second)
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert [attempt.outcome for attempt in answer.route.attempts] == ["upstream_broken", "upstream_broken", "ok"]
    assert len(house.ledger.closed) == 3


async def test_retries_stop_when_too_many_of_the_calls_are_retries() -> None:
    failing = cloud(*([[UpstreamBroken("500")]] * 20))
    house = House(failing)
    for _ in range(6):
        with pytest.raises(NoProvider):
            await house.executor.tell(a_call(), house.listener, read=unread)
    assert len(failing.asked) < 12, "each of six calls would have made two attempts"


async def test_a_route_that_keeps_failing_is_left_alone() -> None:
    failing = cloud(*([[Stalled("nothing came")]] * 5), ["too early"])
    house = House(failing, local(*[["Here."]] * 6))
    for _ in range(5):
        await house.executor.tell(a_call(), house.listener, read=unread)
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert len(failing.asked) == 5
    assert answer.route.model == "ollama:m"


async def test_an_attempt_that_may_pass_the_call_limit_is_not_made() -> None:
    dear, cheap = cloud(["dear"]), local(["cheap"])
    house = House(dear, cheap)
    house.charge(Price(10.0, 10.0), cap=Cap(0.0001, "sonar.budget.perRequestUsd"))
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert answer.text == "cheap"
    assert dear.asked == []


async def test_what_failed_attempts_cost_counts_against_the_call_limit() -> None:
    first = cloud([Stalled("nothing came", is_maybe_paid=True)])
    first.usage_of_errors = Usage(10, 500, 0.009)
    second = FakeProvider("openai", Tier.CLOUD, False, "openai", [["second"]])
    house = House(first, second, local(["local"]))
    house.charge(Price(10.0, 10.0), cap=Cap(0.01, "the call's own limit"))
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert answer.text == "local"
    assert second.asked == []


async def test_a_limit_that_leaves_nobody_ends_in_over_budget() -> None:
    house = House(cloud(["dear"]))
    house.charge(Price(10.0, 10.0), cap=Cap(0.0, "the call's own limit"))
    with pytest.raises(OverBudget, match=r"the call's own limit leaves \$0\.0000"):
        await house.executor.tell(a_call(), house.listener, read=unread)


async def test_the_ledger_is_asked_to_set_the_worst_case_aside() -> None:
    house = House(cloud(["dear"]))
    house.charge(Price(10.0, 10.0))
    await house.executor.tell(a_call(), house.listener, read=unread)
    reserved = house.ledger.opened[0].reserved_usd
    assert reserved is not None
    assert reserved > 100 * 10 / 1_000_000, "the reply alone may have a hundred tokens"


async def test_tokens_are_priced_when_a_provider_tells_no_cost() -> None:
    house = House(cloud(["text"], cost_usd=None))
    house.charge(Price(100.0, 200.0))
    answer = await house.executor.tell(a_call(), house.listener, read=unread)
    assert answer.usage.cost_usd == pytest.approx((10 * 100 + 3 * 200) / 1_000_000)
    assert house.ledger.closed[1].cost_source == "computed"


async def test_what_leaves_the_machine_is_blanked_and_counted() -> None:
    away = cloud(["Yes."])
    house = House(away)
    answer = await house.executor.tell(a_call("my mail is ada@example.org"), house.listener, read=unread)
    assert "ada@example.org" not in away.asked[0].prompt.messages[-1].content
    assert answer.route.left_machine is not None
    assert answer.route.left_machine.redactions == 1


async def test_what_stays_on_the_machine_is_not_touched() -> None:
    here = local(["Yes."])
    house = House(here)
    await house.executor.tell(a_call("my mail is ada@example.org"), house.listener, read=unread)
    assert "ada@example.org" in here.asked[0].prompt.messages[-1].content


async def test_the_witness_hears_of_good_and_bad_ends() -> None:
    house = House(local(["Yes."], [Unauthorized("no")]))
    await house.executor.tell(a_call(), house.listener, read=unread)
    with pytest.raises(NoProvider):
        await house.executor.tell(a_call(), house.listener, read=unread)
    witness = house.means.witness
    assert isinstance(witness, FakeWitness)
    assert [type(error).__name__ for _, error in witness.ends] == ["NoneType", "NoProvider"]


async def test_the_providers_name_for_a_call_is_written_down_before_its_end() -> None:
    provider = local(["Yes."])
    provider.accepts_as = "gen-77"
    house = House(provider)
    await house.executor.tell(a_call(), house.listener, read=unread)
    assert house.ledger.upstream_ids == {1: "gen-77"}


async def test_a_chain_may_set_the_temperature_of_each_model() -> None:
    provider = local(["Yes."])
    house = House(provider)
    house.planner.entries = (replace(house.planner.entries[0], temperature=0.7),)
    await house.executor.tell(a_call(), house.listener, read=unread)
    assert provider.asked[0].prompt.temperature == 0.7
