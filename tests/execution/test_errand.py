"""Work that outlives whoever waits for it."""

import anyio
import pytest

from amalfa.execution.errand import see_through


@pytest.mark.parametrize("has_tasks", [False, True])
async def test_what_the_work_raises_is_heard(has_tasks: bool) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with anyio.create_task_group() as tasks:
        with pytest.raises(ZeroDivisionError):
            await see_through(fail, tasks if has_tasks else None)


async def test_a_caller_who_runs_out_of_time_leaves_and_the_work_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    may_end, done = anyio.Event(), []

    async def work() -> None:
        await may_end.wait()
        done.append(1)
        raise ValueError("too late to be heard")

    async with anyio.create_task_group() as tasks:
        with anyio.move_on_after(0.01) as scope:
            await see_through(work, tasks)
        assert (scope.cancelled_caught, done) == (True, [])
        may_end.set()
    assert done == [1]
    assert "too late to be heard" in caplog.text
