"""One load for everybody who waits for it, whatever happens to each of them."""

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from amalfa.errors import OutOfMemory, UpstreamBroken
from amalfa.providers.loading import Loads

KEY = ("http://a", "qwen2.5:1.5b")


class Act:
    """A load that ends when a test says so, and counts how often it was begun."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self.may_end = anyio.Event()
        self.error = error

    async def __call__(self) -> None:
        self.begun += 1
        await self.may_end.wait()
        if self.error is not None:
            raise self.error


async def test_callers_share_one_load_and_the_next_one_begins_anew(tasks: TaskGroup) -> None:
    loads, act = Loads(tasks), Act()
    first, second = loads.join(KEY, act), loads.join(KEY, act)
    assert first is second
    act.may_end.set()
    assert await first.wait(1.0)
    first.check()
    assert act.begun == 1
    assert loads.join(KEY, act) is not first


async def test_other_models_and_other_hosts_load_by_themselves(tasks: TaskGroup) -> None:
    loads, act = Loads(tasks), Act()
    assert len({id(loads.join(key, act)) for key in (KEY, ("http://b", KEY[1]), (KEY[0], "other"))}) == 3


async def test_a_caller_that_leaves_does_not_end_the_load(tasks: TaskGroup) -> None:
    loads, act = Loads(tasks), Act()
    load = loads.join(KEY, act)
    with anyio.move_on_after(0.01):
        await load.wait(10)
    assert not await load.wait(0)
    act.may_end.set()
    assert await load.wait(1.0)
    load.check()


async def test_every_waiter_gets_its_own_copy_of_the_failure(tasks: TaskGroup) -> None:
    loads, act = Loads(tasks), Act(OutOfMemory("too big", hint="a smaller model"))
    load = loads.join(KEY, act)
    act.may_end.set()
    await load.wait(1.0)
    with pytest.raises(OutOfMemory, match="too big") as first:
        load.check()
    with pytest.raises(OutOfMemory) as second:
        load.check()
    assert first.value is not second.value
    assert second.value.hint == "a smaller model"


async def test_a_bug_in_a_load_fails_its_waiters_and_not_the_group(
    tasks: TaskGroup, caplog: pytest.LogCaptureFixture
) -> None:
    loads, act = Loads(tasks), Act(RuntimeError("a bug"))
    load = loads.join(KEY, act)
    act.may_end.set()
    await load.wait(1.0)
    with pytest.raises(UpstreamBroken):
        load.check()
    assert "a bug" in caplog.text
    assert not tasks.cancel_scope.cancel_called


async def test_giving_up_tells_those_who_wait(tasks: TaskGroup) -> None:
    loads, act = Loads(tasks), Act()
    load = loads.join(KEY, act)
    await anyio.lowlevel.checkpoint()
    loads.cancel()
    assert await load.wait(1.0)
    with pytest.raises(UpstreamBroken, match="interrupted"):
        load.check()
