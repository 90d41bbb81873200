"""Kept replies: when they are given, when not, what is said of it, and how equal calls share one."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from typing_extensions import override

from amalfa.calls import Call, Handling, ModelName, PrivacyClass, Tier, Usage, Wish
from amalfa.errors import BadReply, ConnectFailed, NoProvider
from amalfa.execution.executor import Executor
from amalfa.execution.reading import Reading, unread
from amalfa.execution.reuse import CacheRules
from amalfa.execution.steps import Chosen, Delta, unheard
from amalfa.messages import Message, Sampling, Tools
from amalfa.providers.provider import Event, Finished, Request, TextDelta, ToolCallDelta
from tests.execution.cache_house import WEEK, CacheHouse, cache_house, cloud, local
from tests.fakes import FakeProvider, Listener

SECRET = "sk-or-v1-" + "0123456789abcdef" * 4


async def say(executor: Executor, call: Call) -> tuple[str, str]:
    """What came, and what the cache had to do with it."""
    answer = await executor.ask(call, unheard, read=unread)
    return answer.text, answer.route.cache


async def test_a_hit_asks_nobody_costs_nothing_and_says_when_the_reply_came(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        provider = cloud(["Hel", "lo."])
        executor, listener = house.executor(provider), Listener()
        first = await executor.tell(house.call(), Listener(), read=unread)
        house.clock.seconds += 120
        again = await executor.tell(house.call(), listener, read=unread)
    assert (first.route.cache, again.route.cache) == ("miss", "hit")
    assert len(provider.asked) == 1
    assert listener.heard == [Chosen(ModelName("openrouter", "m"), Tier.CLOUD, "as planned"), Delta("Hello.")]
    assert again.text == "Hello."
    assert again.usage == Usage(0, 0, 0, again.usage.ms)
    assert again.route.attempts == ()
    assert again.route.left_machine is None
    assert again.route.reason == "as planned; kept reply from 2026-11-20 12:00 UTC"
    assert (again.route.model, again.route.tier, again.finish) == ("openrouter:m", Tier.CLOUD, "stop")


async def test_a_hit_stands_in_the_ledger_as_one_and_takes_no_budget(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        executor = house.executor(cloud(["Hello."]))
        await say(executor, house.call())
        await say(executor, house.call())
    ((opening, usage),) = house.ledger.cached
    assert len(house.ledger.opened) == 1
    assert (opening.model, opening.reserved_usd, opening.limits) == ("openrouter:m", 0.0, ())
    assert (usage.tokens_in, usage.tokens_out, usage.cost_usd) == (0, 0, 0.0)


async def test_a_reply_outlives_the_process(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        await say(house.executor(local(["Hello."])), house.call())
        await house.written(1)
    async with cache_house(tmp_path, house.clock) as later:
        assert await say(later.executor(local()), later.call()) == ("Hello.", "hit")


def _with(call: Call, **changes: object) -> Call:
    return replace(call, prompt=replace(call.prompt, **changes))


OTHER_CALLS: dict[str, Callable[[Call], Call]] = {
    "another team": lambda call: replace(call, wish=Wish(team="web")),
    "a narrower class": lambda call: replace(call, privacy=PrivacyClass.LOCAL_ONLY),
    "another task": lambda call: replace(call, task="chat"),
    "an edited prompt": lambda call: _with(call, messages=(Message("system", "Be brief."), *call.prompt.messages)),
    "another role": lambda call: _with(call, messages=(Message("system", call.prompt.messages[0].content),)),
    "a schema": lambda call: _with(call, schema={"type": "object"}),
    "another temperature": lambda call: _with(call, temperature=0.7),
    "another length": lambda call: _with(call, max_tokens=99),
    "a seed": lambda call: _with(call, sampling=Sampling(seed=4)),
    "tools": lambda call: _with(call, tools=Tools(({"type": "function"},))),
}


@pytest.mark.parametrize("difference", OTHER_CALLS)
async def test_another_call_is_a_miss_in_both_directions(tmp_path: Path, difference: str) -> None:
    async with cache_house(tmp_path) as house:
        executor = house.executor(local(["one"], ["two"]))
        other = OTHER_CALLS[difference](house.call())
        assert await say(executor, house.call()) == ("one", "miss")
        assert await say(executor, other) == ("two", "miss")
        assert await say(executor, other) == ("two", "hit")
        assert await say(executor, house.call()) == ("one", "hit")


async def test_a_model_that_was_pulled_again_is_asked_again(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        provider = local(["old"], ["new"])
        executor = house.executor(provider)
        await say(executor, house.call())
        provider.digest = "sha256:2"
        assert await say(executor, house.call()) == ("new", "miss")


async def test_the_same_name_at_another_address_is_another_model(tmp_path: Path) -> None:
    @dataclass
    class At(FakeProvider):
        fingerprint: str = "here"

    async with cache_house(tmp_path) as house:
        await say(house.executor(At(scripts=[["here"]])), house.call())
        moved = house.executor(At(scripts=[["there"]], fingerprint="there"))
        assert await say(moved, house.call()) == ("there", "miss")


async def test_a_reply_is_only_given_for_a_model_that_is_planned(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        await say(house.executor(cloud(["from the cloud"])), house.call())
        assert await say(house.executor(local(["from here"])), house.call()) == ("from here", "miss")


async def test_what_is_too_old_is_asked_again_and_replaced(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        executor = house.executor(local(["old"], ["new"]))
        await say(executor, house.call())
        house.clock.seconds += WEEK.total_seconds() + 1
        assert await say(executor, house.call()) == ("new", "miss")
        assert await say(executor, house.call()) == ("new", "hit")


async def test_a_call_without_cache_neither_reads_nor_writes(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        executor = house.executor(local(["one"], ["two"], ["three"]))
        anew = replace(house.call(), handling=Handling(is_cacheable=False))
        assert await say(executor, anew) == ("one", "off")
        assert await say(executor, house.call()) == ("two", "miss")
        assert await say(executor, anew) == ("three", "off")
        assert await say(executor, house.call()) == ("two", "hit")


async def test_switched_off_it_opens_no_file(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        executor = house.executor(local(["one"], ["two"]), rules=CacheRules())
        assert await say(executor, house.call()) == ("one", "off")
        assert await say(executor, house.call()) == ("two", "off")
        assert not house.path.exists()


async def test_the_embedded_engine_is_always_asked(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        provider = FakeProvider("embedded", Tier.EMBEDDED, type="embedded", scripts=[["one"], ["two"]])
        executor = house.executor(provider)
        assert [await say(executor, house.call()) for _ in range(2)] == [("one", "off"), ("two", "off")]


@dataclass
class EndingProvider(FakeProvider):
    """A model whose replies end otherwise than by being done."""

    last: tuple[Event, ...] = ()

    @override
    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        for event in self.last:
            yield event


CUT = (TextDelta("cut"), Finished(Usage(1, 1, 0.0), "m", finish="length"))
TOOLS = (ToolCallDelta(0, "id", "f", "{}"), Finished(Usage(1, 1, 0.0), "m", finish="tool_calls"))


@pytest.mark.parametrize("last", [CUT, TOOLS], ids=["cut", "tools"])
async def test_replies_that_are_no_whole_answer_are_not_kept(tmp_path: Path, last: tuple[Event, ...]) -> None:
    async with cache_house(tmp_path) as house:
        provider = EndingProvider(last=last)
        executor = house.executor(provider)
        for _ in range(2):
            await executor.ask(house.call(), unheard, read=unread)
    assert len(provider.asked) == 2


async def test_failures_are_not_kept(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        executor = house.executor(local([ConnectFailed("refused")], ["fine"]))
        with pytest.raises(NoProvider):
            await say(executor, house.call())
        assert await say(executor, house.call()) == ("fine", "miss")


async def test_a_kept_reply_that_no_longer_reads_is_dropped_and_asked_anew(tmp_path: Path) -> None:
    def read(text: str) -> Reading[str]:
        if text == "old form":
            raise BadReply("It has the old form.")
        return Reading(text.upper())

    async with cache_house(tmp_path) as house:
        executor = house.executor(local(["old form"], ["new form"]))
        await say(executor, house.call())
        answer = await executor.ask(house.call(), unheard, read=read)
        assert (answer.value, answer.route.cache) == ("NEW FORM", "miss")
        again = await executor.ask(house.call(), unheard, read=read)
        assert (again.value, again.route.cache) == ("NEW FORM", "hit")


async def test_a_job_writes_the_value_of_a_hit_as_well(tmp_path: Path) -> None:
    written: list[object] = []

    def commit(value: object) -> object:
        return lambda connection: written.append(value)

    async with cache_house(tmp_path) as house:
        executor = house.executor(local(["Hello."]))
        await say(executor, house.call())
        handling = Handling("background", commit=commit)
        call = replace(house.call(), handling=handling)
        answer = await executor.ask(call, unheard, read=lambda text: Reading(text.upper()))
    assert answer.route.cache == "hit"
    (also,) = house.ledger.also
    assert also is not None
    also(None)
    assert written == ["HELLO."]


class TestWhenEverybodyFails:
    RULES = CacheRules(is_enabled=True, max_age=WEEK, is_stale_allowed=True)

    async def test_an_old_reply_is_given_and_says_so(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            executor = house.executor(local(["old"], [ConnectFailed("refused")]), rules=self.RULES)
            await say(executor, house.call())
            house.clock.seconds += 2 * WEEK.total_seconds()
            answer = await executor.ask(house.call(), unheard, read=unread)
        assert (answer.text, answer.route.cache) == ("old", "stale")
        assert "kept reply from 2026-11-20 12:00 UTC (past its age, as no model could serve)" in answer.route.reason
        assert [attempt.outcome for attempt in answer.route.attempts] == [ConnectFailed.code]

    async def test_not_when_it_is_older_than_four_times_its_age(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            executor = house.executor(local(["old"], [ConnectFailed("refused")]), rules=self.RULES)
            await say(executor, house.call())
            house.clock.seconds += 4 * WEEK.total_seconds() + 1
            with pytest.raises(NoProvider):
                await say(executor, house.call())

    async def test_not_unless_it_is_allowed(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            executor = house.executor(local(["old"], [ConnectFailed("refused")]))
            await say(executor, house.call())
            house.clock.seconds += WEEK.total_seconds() + 1
            with pytest.raises(NoProvider):
                await say(executor, house.call())

    async def test_not_while_another_model_can_serve(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            rules = replace(self.RULES, max_age=timedelta(seconds=1))
            first = local(["old"], [ConnectFailed("refused")])
            executor = house.executor(first, cloud(["fresh"]), rules=rules)
            await say(executor, house.call())
            house.clock.seconds += 2
            assert await say(executor, house.call()) == ("fresh", "miss")


@dataclass
class GatedProvider(FakeProvider):
    """A model that replies when its gate is opened; it fails as often as `failures` says."""

    gate: anyio.Event = field(default_factory=anyio.Event)
    failures: int = 0

    @override
    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        number = len(self.asked)
        await self.gate.wait()
        if number <= self.failures:
            raise ConnectFailed("refused")
        yield TextDelta(f"reply {number}")
        yield Finished(Usage(10, 3, 0.0), request.model)


class TestEqualCallsAtOnce:
    async def ask_together(self, house: CacheHouse, executor: Executor, calls: list[Call]) -> list[tuple[str, str]]:
        said: list[tuple[str, str]] = []

        async def one(call: Call) -> None:
            listener = Listener()
            answer = await executor.tell(call, listener, read=unread)
            said.append((listener.text, answer.route.cache))

        async with anyio.create_task_group() as group:
            for call in calls:
                group.start_soon(one, call)
            await anyio.wait_all_tasks_blocked()
            (provider,) = executor._means.providers.values()
            assert isinstance(provider, GatedProvider)
            provider.gate.set()
        return said

    async def test_fifty_ask_once_and_all_hear_the_reply(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            provider = GatedProvider()
            said = await self.ask_together(house, house.executor(provider), [house.call() for _ in range(50)])
        assert len(provider.asked) == 1
        assert sorted(said) == sorted([("reply 1", "miss"), *[("reply 1", "hit")] * 49])
        assert len(house.ledger.cached) == 49

    async def test_other_teams_lanes_and_calls_without_cache_ask_by_themselves(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            provider = GatedProvider()
            plain = house.call()
            others = [
                replace(plain, wish=Wish(team="web")),
                replace(plain, privacy=PrivacyClass.LOCAL_ONLY),
                replace(plain, handling=Handling("background")),
                replace(plain, handling=Handling(is_cacheable=False)),
            ]
            await self.ask_together(house, house.executor(provider), [plain, *others])
        assert len(provider.asked) == 5

    async def test_when_the_first_fails_one_of_the_others_goes_on(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            provider = GatedProvider(failures=1)
            executor = house.executor(provider)
            failed: list[Exception] = []
            said: list[tuple[str, str]] = []

            async def one() -> None:
                try:
                    said.append(await say(executor, house.call()))
                except NoProvider as error:
                    failed.append(error)

            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(one)
                await anyio.wait_all_tasks_blocked()
                provider.gate.set()
        assert (len(failed), len(provider.asked)) == (1, 2)
        assert sorted(said) == [("reply 2", "hit")] * 3 + [("reply 2", "miss")]

    async def test_nobody_inherits_that_the_first_one_left(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            provider = GatedProvider()
            executor = house.executor(provider)
            said: list[tuple[str, str]] = []

            async def one() -> None:
                said.append(await say(executor, house.call()))

            async with anyio.create_task_group() as group:
                leaving = anyio.CancelScope()

                async def first() -> None:
                    with leaving:
                        await say(executor, house.call())

                group.start_soon(first)
                await anyio.wait_all_tasks_blocked()
                group.start_soon(one)
                group.start_soon(one)
                await anyio.wait_all_tasks_blocked()
                assert len(provider.asked) == 1
                leaving.cancel()
                await anyio.wait_all_tasks_blocked()
                provider.gate.set()
        assert len(provider.asked) == 2
        assert sorted(said) == [("reply 2", "hit"), ("reply 2", "miss")]

    async def test_one_that_runs_out_of_time_waiting_does_not_take_the_others_along(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            provider = GatedProvider()
            executor = house.executor(provider)
            async with anyio.create_task_group() as group:
                group.start_soon(say, executor, house.call())
                await anyio.wait_all_tasks_blocked()
                hurried = replace(house.call(), deadline_s=house.clock.monotonic_s() + 0.05)
                with pytest.raises(NoProvider):
                    await say(executor, hurried)
                provider.gate.set()
        assert len(provider.asked) == 1


async def test_what_looks_like_a_key_is_given_to_the_caller_and_kept_nowhere(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        executor = house.executor(local([f"The key is {SECRET}."], ["plain"]))
        text, _ = await say(executor, house.call("what is the key?"))
        assert SECRET in text
        assert await say(executor, house.call("what is the key?")) == ("plain", "miss")
