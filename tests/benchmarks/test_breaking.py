"""Broken replies: what is certain of them, how many there are, and the same ones for the same chance."""

import random

import pytest

from benchmarks.breaking import ALL, AS_SERVED, Breaker, Kind, judged
from benchmarks.malformed import Malformed
from benchmarks.right_replies import TASKS, asked

VALUE: dict[str, object] = {"a": "it's", "b": ["x"], "c": 0.5}


@pytest.mark.parametrize(
    ("raw", "truth", "is_lossless"),
    [
        ('{"a": "it\'s", "b": ["x"], "c": 0.5,}', VALUE, True),
        ('{"a": "it\'s", "b": ["x"], "c": 0.5, "d": 1,}', {**VALUE, "d": 1}, True),
        ('{"a": "it\'s", "b": ["x"]', {"a": "it's", "b": ["x"]}, False),
        ("no", None, False),
    ],
)
def test_a_broken_reply_is_lossless_when_the_whole_value_is_certain(raw: str, truth: object, is_lossless: bool) -> None:
    found = judged(Malformed("any", raw, truth), VALUE)
    assert found is not None
    assert found.is_lossless is is_lossless


def test_a_right_reply_is_not_called_broken() -> None:
    assert judged(Malformed("any", '{"a":"it\'s","b":["x"],"c":0.5}', VALUE), VALUE) is None


@pytest.mark.parametrize("task", TASKS)
def test_one_reply_in_five_is_broken_and_the_same_for_the_same_chance(task: str) -> None:
    def drawn() -> list[str | None]:
        chance = random.Random(5)
        breaker, questions = Breaker("as-served", chance), asked(task, chance)
        replies = [breaker.draw(next(questions).reply) for _ in range(400)]
        return [reply.raw if reply else None for reply in replies]

    first = drawn()
    assert 50 < sum(raw is not None for raw in first) < 110
    assert first == drawn()


def test_each_class_of_the_mix_is_drawn_for_some_task() -> None:
    chance = random.Random(5)
    breaker, questions = Breaker("as-served", chance), {task: asked(task, chance) for task in TASKS}
    drawn: set[Kind] = set()
    for number in range(4_000):
        reply = breaker.broken(next(questions[list(TASKS)[number % len(TASKS)]]).reply)
        drawn.add((reply.kind, reply.is_lossless))
    assert drawn == set(AS_SERVED)


def test_every_way_of_breaking_is_in_the_other_mix() -> None:
    chance = random.Random(5)
    breaker, questions = Breaker("every-class", chance), asked("extract", chance)
    kinds = {breaker.broken(next(questions).reply).kind for _ in range(2_000)}
    made = {case.kind for one in ALL for _ in range(20) if (case := one(next(questions).reply, chance))}
    assert kinds == made - {"valid"}
