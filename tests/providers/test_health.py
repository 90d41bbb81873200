"""What the board knows of providers, whom it asks for it, and what it keeps to itself."""

from dataclasses import dataclass, field

import anyio
import pytest
from anyio.abc import TaskGroup
from typing_extensions import override

from amalfa.calls import Tier
from amalfa.errors import (
    CallError,
    ConnectFailed,
    ModelMissing,
    PaymentRequired,
    RateLimited,
    Stalled,
    Unauthorized,
    UpstreamBroken,
)
from amalfa.providers.health import CLOUD_DOWN_S, HealthBoard
from amalfa.providers.provider import Host, Presence
from tests.fakes import FakeClock, FakeProvider

UP = Presence("up", hosts=(Host("http://a", "up"),))


@dataclass
class Watched(FakeProvider):
    """Counts looks and lets a test hold them back."""

    fingerprint: str = "one"
    presence: Presence = UP
    looks: int = 0
    may_answer: anyio.Event = field(default_factory=anyio.Event)
    bug: Exception | None = None

    @override
    async def look(self) -> Presence:
        self.looks += 1
        await self.may_answer.wait()
        if self.bug is not None:
            raise self.bug
        return self.presence


@dataclass
class Cloud(Watched):
    """A cloud that can say by itself what forbids trying it."""

    name: str = "openrouter"
    tier: Tier = Tier.CLOUD
    stands: Presence | None = None

    def standing(self) -> Presence | None:
        return self.stands


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def board(tasks: TaskGroup, clock: FakeClock) -> HealthBoard:
    return HealthBoard(tasks=tasks, clock=clock)


def answering(**fields: object) -> Watched:
    provider = Watched(**fields)  # type: ignore[arg-type]  # fields by name
    provider.may_answer.set()
    return provider


async def refresh(board: HealthBoard, *providers: Watched, wait_s: float = 0.25) -> None:
    await board.refresh({provider.name: provider for provider in providers}, wait_s=wait_s)


async def test_nothing_is_known_and_nobody_asked_before_the_first_refresh(board: HealthBoard) -> None:
    assert board.presence("ollama").state == "unknown"


async def test_a_refresh_looks_and_keeps_what_it_saw_for_a_while(board: HealthBoard, clock: FakeClock) -> None:
    provider = answering()
    await refresh(board, provider)
    assert board.presence("ollama") == UP
    await refresh(board, provider)
    assert provider.looks == 1
    clock.seconds += 1.0
    await refresh(board, provider)
    assert provider.looks == 2


async def test_a_slow_look_is_not_waited_for_beyond_the_limit_and_stays_unknown(board: HealthBoard) -> None:
    provider = Watched()
    await refresh(board, provider, wait_s=0.01)
    assert board.presence("ollama").state == "unknown"
    provider.may_answer.set()
    await refresh(board, provider)
    assert board.presence("ollama") == UP
    assert provider.looks == 1


async def test_callers_share_one_look(board: HealthBoard) -> None:
    provider = Watched()
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(refresh, board, provider)
        await anyio.sleep(0.01)
        provider.may_answer.set()
    assert provider.looks == 1


async def test_a_bug_in_a_look_is_a_provider_that_is_down(board: HealthBoard, caplog: pytest.LogCaptureFixture) -> None:
    await refresh(board, answering(bug=RuntimeError("a bug")))
    assert board.presence("ollama").state == "down"
    assert "a bug" in caplog.text


async def test_a_refused_connection_counts_until_the_next_look(board: HealthBoard, clock: FakeClock) -> None:
    provider = answering()
    await refresh(board, provider)
    board.failed(provider, ConnectFailed("nobody there"))
    await refresh(board, provider)
    presence = board.presence("ollama")
    assert (presence.state, presence.reason) == ("down", "nobody there")
    assert [host.state for host in presence.hosts] == ["down"]
    clock.seconds += 1.0
    await refresh(board, provider)
    assert board.presence("ollama") == UP


@pytest.mark.parametrize("error", [Unauthorized("bad key", hint="a good one"), PaymentRequired("no credit")])
async def test_a_refused_key_parks_its_provider_however_much_time_passes(
    error: CallError, board: HealthBoard, clock: FakeClock
) -> None:
    provider = answering()
    await refresh(board, provider)
    board.failed(provider, error)
    clock.seconds += 1e6
    await refresh(board, provider)
    assert board.presence("ollama").state == "parked"
    assert error.message in board.presence("ollama").reason
    assert provider.looks == 1


async def test_a_new_key_starts_with_a_clean_record_and_the_old_one_cannot_spoil_it(board: HealthBoard) -> None:
    old, new = answering(), answering(fingerprint="two")
    await refresh(board, old)
    board.failed(old, Unauthorized("bad key"))
    await refresh(board, new)
    assert board.presence("ollama") == UP
    board.failed(old, Unauthorized("bad key"))
    assert board.presence("ollama") == UP


async def test_refusals_are_forgotten_when_somebody_asks_for_it(board: HealthBoard) -> None:
    provider = answering()
    await refresh(board, provider)
    board.failed(provider, PaymentRequired("no credit"))
    board.forget_refusals()
    await refresh(board, provider)
    assert board.presence("ollama") == UP


@pytest.mark.parametrize(
    "error",
    [
        PaymentRequired("in flight", retry_after_s=2),
        RateLimited("slow down"),
        ModelMissing("nope"),
        Stalled("slow"),
        UpstreamBroken("oops"),
    ],
)
async def test_other_failures_say_nothing_about_the_next_call(error: CallError, board: HealthBoard) -> None:
    provider = answering()
    await refresh(board, provider)
    board.failed(provider, error)
    assert board.presence("ollama") == UP


async def test_a_look_that_was_under_way_does_not_undo_a_refusal(board: HealthBoard) -> None:
    provider = Watched()
    await refresh(board, provider, wait_s=0.01)
    board.failed(provider, Unauthorized("bad key"))
    provider.may_answer.set()
    await anyio.sleep(0.01)
    await refresh(board, provider)
    assert board.presence("ollama").state == "parked"


async def test_success_brings_a_provider_back(board: HealthBoard) -> None:
    provider = answering()
    await refresh(board, provider)
    board.failed(provider, ConnectFailed("nobody there"))
    board.succeeded(provider)
    assert board.presence("ollama").state == "up"


async def test_a_cloud_is_never_looked_at(board: HealthBoard, clock: FakeClock) -> None:
    cloud = Cloud()
    for _ in range(3):
        await refresh(board, cloud)
        clock.seconds += 100
    assert cloud.looks == 0
    assert board.presence("openrouter").state == "unknown"


@pytest.mark.parametrize("stands", [Presence("no_key", "no key"), Presence("parked", "it is off")])
async def test_what_a_cloud_knows_by_itself_is_known_at_once(stands: Presence, board: HealthBoard) -> None:
    await refresh(board, Cloud(stands=stands))
    assert board.presence("openrouter") == stands


async def test_a_cloud_out_of_reach_may_be_tried_again_after_a_while(board: HealthBoard, clock: FakeClock) -> None:
    cloud = Cloud()
    await refresh(board, cloud)
    board.failed(cloud, ConnectFailed("no network"))
    await refresh(board, cloud)
    assert board.presence("openrouter").state == "down"
    clock.seconds += CLOUD_DOWN_S
    await refresh(board, cloud)
    assert board.presence("openrouter").state == "unknown"


async def test_records_of_configurations_that_are_gone_do_not_pile_up(board: HealthBoard) -> None:
    for number in range(100):
        await refresh(board, answering(fingerprint=str(number)))
    assert len(board._records) < 10
