"""Which host of a pool a call goes to."""

from amalfa.providers.endpoint import Address
from amalfa.providers.pool import LOADED_FRESH_S, HostPool, HostView, in_order

A, B, C = (Address(f"http://{name}:11434") for name in "abc")
QWEN = "qwen2.5:1.5b"


def up(address: Address, *installed: str, loaded: dict[str, int | None] | None = None) -> HostView:
    return HostView(address, "up", installed=frozenset(installed), loaded=loaded)


def test_a_host_with_the_model_goes_before_one_without() -> None:
    assert in_order([up(A, "other:latest"), up(B, QWEN)], QWEN, {}) == [B, A]


def test_the_least_busy_goes_first_then_the_one_that_has_it_loaded_then_the_first_written() -> None:
    views = [up(A, QWEN), up(B, QWEN, loaded={QWEN: 8192}), up(C, QWEN)]
    assert in_order(views, QWEN, {}) == [B, A, C]
    assert in_order(views, QWEN, {B.url: 1}) == [A, C, B]
    assert in_order([up(A, QWEN), up(C, QWEN)], QWEN, {}) == [A, C]


def test_a_host_that_is_down_is_left_out_while_there_is_another() -> None:
    down = HostView(A, "down", "refused")
    assert in_order([down, up(B, "other:latest")], QWEN, {}) == [B]
    assert in_order([down], QWEN, {}) == [A]


def test_a_host_nobody_has_seen_goes_after_one_that_is_up() -> None:
    assert in_order([HostView(A), up(B, QWEN)], QWEN, {}) == [B, A]


def test_names_are_compared_as_ollama_does() -> None:
    assert in_order([up(A, "other:latest"), up(B, "llama3:latest")], "Library/LLAMA3", {})[0] == B


def test_running_calls_are_counted_while_they_run_even_when_they_fail() -> None:
    pool = HostPool([A, B])
    try:
        with pool.busy(A), pool.busy(A):
            assert pool.running(A) == 2
            assert pool.order(QWEN) == [B, A]
            raise RuntimeError
    except RuntimeError:
        assert pool.running(A) == 0


def test_what_was_loaded_is_believed_for_a_moment_only() -> None:
    pool = HostPool([A])
    pool.saw_loaded(A, {QWEN: 8192}, now_s=10.0)
    assert pool.knows_loaded(A, 10.0 + LOADED_FRESH_S)
    assert not pool.knows_loaded(A, 10.1 + LOADED_FRESH_S)
    pool.forget_loaded(A)
    assert not pool.knows_loaded(A, 10.0)


def test_a_model_in_memory_with_another_window_would_be_loaded_anew() -> None:
    view = up(A, QWEN, loaded={QWEN: 4096, "old:latest": None})
    assert view.is_loaded(QWEN, 4096) is True
    assert view.is_loaded(QWEN, 8192) is False
    assert view.is_loaded("old", 8192) is True
    assert view.is_loaded("absent", 8192) is False
    assert HostView(A).is_loaded(QWEN, 8192) is None


def test_a_model_is_forwarded_by_its_name_or_by_what_the_host_says() -> None:
    pool = HostPool([A])
    pool.saw(HostView(A, "up", installed=frozenset({"mine:latest"}), forwarded=frozenset({"mine:latest"})))
    assert pool.is_forwarded(A, "mine")
    assert pool.is_forwarded(A, "gpt-oss:120b-cloud")
    assert not pool.is_forwarded(A, QWEN)
