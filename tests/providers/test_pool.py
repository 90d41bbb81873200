"""Which host of a pool a call goes to."""

import time

import pytest

from amalfa.providers.endpoint import Address
from amalfa.providers.host_lines import Need
from amalfa.providers.host_view import HostView
from amalfa.providers.pool import LOADED_FRESH_S, Burden, HostPool, in_order, pause_s
from tests.fakes import FakeClock

A, B, C = (Address(f"http://{name}:11434") for name in "abc")
QWEN = "qwen2.5:1.5b"
SOON_S = time.monotonic() + 60


def up(address: Address, *installed: str, loaded: dict[str, int | None] | None = None) -> HostView:
    return HostView(address, "up", installed=frozenset(installed), loaded=loaded)


def has(address: Address) -> HostView:
    return up(address, QWEN)


def holds(address: Address) -> HostView:
    return up(address, QWEN, loaded={QWEN: 8192})


def busy(**running: int | Burden) -> dict[str, Burden]:
    found = {name: one if isinstance(one, Burden) else Burden(one) for name, one in running.items()}
    return {f"http://{name}:11434": burden for name, burden in found.items()}


@pytest.mark.parametrize(
    ("views", "burdens", "wanted"),
    [
        pytest.param([has(A), has(B)], busy(), [A, B], id="all alike: as written"),
        pytest.param([has(A), has(B)], busy(a=1), [B, A], id="the least busy"),
        pytest.param([has(A), holds(B)], busy(), [B, A], id="idle both: the one that holds it"),
        pytest.param([has(A), holds(B)], busy(a=1, b=1), [B, A], id="equally busy: the one that holds it"),
        pytest.param([has(A), holds(B)], busy(b=1), [A, B], id="its one slot taken: idle beats a wait"),
        pytest.param([has(A), holds(B)], busy(a=1, b=2), [A, B], id="two in line against one"),
        pytest.param([has(A), holds(B)], busy(b=Burden(1, slots=4)), [B, A], id="a slot left: no load is worth it"),
        pytest.param([has(A), holds(B)], busy(b=Burden(2, slots=4)), [B, A], id="busier by its free slots: stay"),
        pytest.param([has(A), holds(B)], busy(b=Burden(3, slots=4)), [A, B], id="busier by more than them: move"),
        pytest.param([holds(A), holds(B)], busy(a=1), [B, A], id="both hold it: the least busy"),
        pytest.param(
            [holds(A), holds(B)], busy(a=1, b=Burden(2, slots=8)), [B, A], id="both hold it: the one with slots left"
        ),
        pytest.param([has(A), has(B), holds(C)], busy(b=1, c=1), [A, C, B], id="three hosts"),
        pytest.param([up(A, "other:latest"), has(B)], busy(b=9), [B], id="only who has it is asked, however busy"),
        pytest.param(
            [up(A, "other:latest"), up(B, "other:latest")], busy(), [A, B], id="nobody has it: all may say so"
        ),
        pytest.param([HostView(A), has(B)], busy(b=3), [B, A], id="one nobody has seen comes after one that is up"),
        pytest.param([HostView(A, "down", "refused"), has(B)], busy(), [B], id="one that is down is left out"),
        pytest.param([HostView(A, "down"), HostView(B, "down")], busy(), [A, B], id="unless all are"),
        pytest.param(
            [HostView(A, "up", installed=frozenset({QWEN}), is_suspect=True), has(B)],
            busy(b=5),
            [B, A],
            id="one that lost a call comes last until it is looked at",
        ),
        pytest.param(
            [holds(A), has(B)], busy(a=Burden(is_closed=True), b=1), [B, A], id="one that refuses calls is spared"
        ),
        pytest.param(
            [holds(A), up(B, "other:latest")], busy(a=Burden(is_closed=True)), [A], id="unless it is the only"
        ),
    ],
)
def test_the_order_of_hosts(views: list[HostView], burdens: dict[str, Burden], wanted: list[Address]) -> None:
    assert in_order(views, QWEN, burdens) == wanted


def test_names_are_compared_as_ollama_does() -> None:
    assert in_order([up(A, "other:latest"), up(B, "llama3:latest")], "Library/LLAMA3", {}) == [B]


async def test_running_calls_are_counted_by_host_and_model_even_when_they_fail() -> None:
    pool = HostPool([A, B], FakeClock())
    try:
        forwarded = Need("x:cloud", is_forwarded=True)
        async with pool.busy(A, Need(QWEN), deadline_s=SOON_S), pool.busy(A, forwarded, deadline_s=SOON_S):
            assert pool.running(A) == 2
            assert (pool.running_of(A, QWEN), pool.running_of(A, "X:Cloud"), pool.running_of(B, QWEN)) == (
                1,
                1,
                0,
            )
            assert pool.order(QWEN) == [B, A]
            raise RuntimeError
    except RuntimeError:
        assert (pool.running(A), pool.running_of(A, QWEN)) == (0, 0)


def test_what_was_loaded_is_believed_for_a_moment_only() -> None:
    clock = FakeClock()
    pool = HostPool([A], clock)
    pool.saw_loaded(A, {QWEN: 8192})
    clock.seconds += LOADED_FRESH_S
    assert pool.knows_loaded(A)
    clock.seconds += 0.1
    assert not pool.knows_loaded(A)
    pool.saw_model_loaded(A, QWEN)
    assert pool.knows_loaded(A)
    pool.forget_loaded(A)
    assert not pool.knows_loaded(A)


def test_a_model_in_memory_with_another_window_would_be_loaded_anew() -> None:
    view = up(A, QWEN, loaded={QWEN: 4096, "old:latest": None})
    assert view.is_loaded(QWEN, 4096) is True
    assert view.is_loaded(QWEN, 8192) is False
    assert view.is_loaded("old", 8192) is True
    assert view.is_loaded("absent", 8192) is False
    assert HostView(A).is_loaded(QWEN, 8192) is None


def test_a_model_is_forwarded_by_its_name_or_by_what_the_host_says() -> None:
    pool = HostPool([A], FakeClock())
    pool.saw(HostView(A, "up", installed=frozenset({"mine:latest"}), forwarded=frozenset({"mine:latest"})))
    assert pool.is_forwarded(A, "mine")
    assert pool.is_forwarded(A, "gpt-oss:120b-cloud")
    assert not pool.is_forwarded(A, QWEN)


@pytest.mark.parametrize(("times", "pause"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (500, 30)])
def test_a_host_that_stays_down_is_looked_at_less_and_less_often(times: int, pause: float) -> None:
    assert pause_s(times) == pause


def test_a_host_found_down_is_due_again_after_its_pause_and_at_once_when_nobody_else_is_up() -> None:
    clock = FakeClock()
    pool = HostPool([A, B], clock)
    assert pool.due() == [A, B]
    pool.saw_down(A, "refused")
    pool.saw(has(B))
    assert pool.due() == [B]
    clock.seconds += 1.0
    assert pool.due() == [A, B]
    pool.saw_down(A, "refused")
    clock.seconds += 1.9
    assert pool.due() == [B]
    clock.seconds += 0.1
    assert pool.due() == [A, B]
    pool.saw_down(A, "refused")
    pool.saw_down(B, "refused")
    assert pool.due() == [A, B]
    pool.saw(has(A))
    pool.saw_down(A, "refused")
    assert pool.view(A).looks_in_vain == 1


def test_a_model_that_went_or_came_is_known_at_once() -> None:
    pool = HostPool([A, B], FakeClock())
    pool.saw(has(A))
    pool.saw(has(B))
    pool.saw_missing(A, QWEN)
    assert pool.order(QWEN) == [B]
    pool.saw_pulled(A, QWEN)
    assert pool.order(QWEN) == [A, B]
    pool.saw_missing(A, "never-there")
    assert pool.order(QWEN) == [A, B]
