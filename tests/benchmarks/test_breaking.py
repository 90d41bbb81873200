"""Broken replies: what is certain of them, how many there are, and the same ones for the same chance."""

import random
from collections import Counter

import pytest

from benchmarks.breaking import ALL, ANY, AS_SERVED, Breaker, judged
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
        replies = [breaker.draw(next(questions).reply, kind) for kind in breaker.plan(400)]
        return [reply.raw if reply else None for reply in replies]

    first = drawn()
    assert sum(raw is not None for raw in first) == 80
    assert first == drawn()


def test_a_plan_has_each_class_as_often_as_its_weight_says() -> None:
    planned = Counter(kind for kind in Breaker("as-served", random.Random(5)).plan(2_000) if kind is not None)
    due = {kind: 400 * weight / sum(AS_SERVED.values()) for kind, weight in AS_SERVED.items()}
    assert planned.total() == 400
    assert all(abs(planned[kind] - count) < 1 for kind, count in due.items())


def test_what_is_planned_is_drawn_for_some_task() -> None:
    chance = random.Random(5)
    breaker, questions = Breaker("as-served", chance), {task: asked(task, chance) for task in TASKS}
    for kind in AS_SERVED:
        replies = [breaker.broken(next(questions[task]).reply, kind) for task in TASKS]
        assert kind in {(reply.kind, reply.is_lossless) for reply in replies}
        assert {reply.is_lossless for reply in replies} == {kind[1]}, "what gives way does so to what is as certain"


def test_every_way_of_breaking_is_in_the_other_mix() -> None:
    chance = random.Random(5)
    breaker, questions = Breaker("every-class", chance), asked("extract", chance)
    kinds = {breaker.broken(next(questions).reply, ANY).kind for _ in range(2_000)}
    made = {case.kind for one in ALL for _ in range(20) if (case := one(next(questions).reply, chance))}
    assert kinds == made - {"valid"}
