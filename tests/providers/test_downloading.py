"""One download for everybody who wants the model."""

from collections.abc import AsyncGenerator

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from amalfa.errors import ModelMissing, UpstreamBroken
from amalfa.providers.downloading import Download, Downloads, PullProgress

KEY = ("http://a", "qwen2.5:1.5b")


class Pull:
    """A download that goes on when a test says so, and counts how often it was begun and cut off."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = self.cut_off = 0
        self.may_end = anyio.Event()
        self.error = error

    async def __call__(self) -> AsyncGenerator[PullProgress, None]:
        self.begun += 1
        try:
            yield PullProgress("pulling", 37, 100)
            await self.may_end.wait()
        except BaseException:
            self.cut_off += 1
            raise
        if self.error is not None:
            raise self.error
        yield PullProgress("success")


async def steps_of(download: Download) -> list[str]:
    return [step.status async for step in download.follow() if step is not None]


async def test_followers_share_one_download_and_all_hear_its_end(tasks: TaskGroup) -> None:
    downloads, pull, heard = Downloads(tasks), Pull(), list[list[str]]()

    async def follow() -> None:
        heard.append(await steps_of(downloads.join(KEY, pull, is_kept=False)))

    async with anyio.create_task_group() as group:
        group.start_soon(follow)
        group.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        pull.may_end.set()
    assert heard == [["pulling", "success"]] * 2
    assert pull.begun == 1
    await steps_of(downloads.join(KEY, pull, is_kept=False))
    assert pull.begun == 2


async def test_when_the_last_follower_leaves_the_download_stops(tasks: TaskGroup) -> None:
    downloads, pull = Downloads(tasks), Pull()
    first, second = (downloads.join(KEY, pull, is_kept=False).follow() for _ in range(2))
    await anext(first)
    await anext(second)
    await first.aclose()
    await anyio.wait_all_tasks_blocked()
    assert pull.cut_off == 0
    await second.aclose()
    await anyio.wait_all_tasks_blocked()
    assert pull.cut_off == 1


async def test_one_that_is_kept_goes_on_without_anybody(tasks: TaskGroup) -> None:
    downloads, pull = Downloads(tasks), Pull()
    following = downloads.join(KEY, pull, is_kept=True).follow()
    await anext(following)
    await following.aclose()
    await anyio.wait_all_tasks_blocked()
    assert pull.cut_off == 0
    pull.may_end.set()
    assert (await steps_of(downloads.join(KEY, pull, is_kept=False)))[-1] == "success"
    assert pull.begun == 1


async def test_a_quiet_download_lets_its_follower_look_at_the_clock(tasks: TaskGroup) -> None:
    following = Downloads(tasks).join(KEY, Pull(), is_kept=False).follow(every_s=0.01)
    assert await anext(following) == PullProgress("pulling", 37, 100)
    assert await anext(following) is None
    await following.aclose()


async def test_every_follower_gets_its_own_copy_of_the_failure(tasks: TaskGroup) -> None:
    pull = Pull(ModelMissing("no such model", hint="check its name"))
    download = Downloads(tasks).join(KEY, pull, is_kept=True)
    pull.may_end.set()
    caught = []
    for _ in range(2):
        with pytest.raises(ModelMissing, match="no such model") as failure:
            await steps_of(download)
        caught.append(failure.value)
    assert caught[0] is not caught[1]
    assert caught[1].hint == "check its name"


async def test_a_bug_in_a_download_fails_its_followers_and_not_the_group(
    tasks: TaskGroup, caplog: pytest.LogCaptureFixture
) -> None:
    pull = Pull(RuntimeError("a bug"))
    pull.may_end.set()
    with pytest.raises(UpstreamBroken):
        await steps_of(Downloads(tasks).join(KEY, pull, is_kept=False))
    assert "a bug" in caplog.text
    assert not tasks.cancel_scope.cancel_called


async def test_giving_up_tells_those_who_follow(tasks: TaskGroup) -> None:
    downloads = Downloads(tasks)
    following = downloads.join(KEY, Pull(), is_kept=True).follow()
    await anext(following)
    downloads.cancel()
    with pytest.raises(UpstreamBroken, match="interrupted"):
        await anext(following)


@pytest.mark.parametrize(
    ("progress", "percent"),
    [
        (PullProgress("a"), None),
        (PullProgress("a", 0, 0), None),
        (PullProgress("a", 1, 3), 33),
        (PullProgress("a", 9, 3), 100),
    ],
)
def test_progress_in_percent(progress: PullProgress, percent: int | None) -> None:
    assert progress.percent == percent
