"""A reply is stopped once it has clearly passed its limit."""

import pytest

from amalfa.errors import Truncated
from amalfa.providers.runaway import RunawayGuard


def count_pieces(guard: RunawayGuard, count: int) -> None:
    for _ in range(count):
        guard.count_piece()


def test_a_reply_within_its_limit_is_never_stopped() -> None:
    guard = RunawayGuard("qwen", max_tokens=100)
    count_pieces(guard, 120)


def test_a_reply_far_beyond_is() -> None:
    guard = RunawayGuard("qwen", max_tokens=100)
    with pytest.raises(Truncated, match="limit of 100 tokens"):
        count_pieces(guard, 200)
