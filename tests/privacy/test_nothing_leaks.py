"""The proof: over every strategy, mode, failure, flag and source of a class, no byte of a local-only text leaves.

Run it alone with `python -m pytest tests/privacy`.
"""

from collections.abc import Iterator
from itertools import count, product
from typing import Any

import pytest

from amalfa.errors import AmalfaError
from tests.privacy.house import (
    ALL_FAILURES,
    CANARY,
    CLOUD_MODELS,
    FLAGS,
    FORWARDED_MODELS,
    OPEN,
    SOURCES,
    Folders,
    Sonar,
    Source,
    Upstreams,
    sonar,
    written_words,
)

STRATEGIES = ("local_first", "cost_optimized", "quality_first", "speed_first")
MODES = ("replace", "tiered")

OPEN_CALL = {"question": "When does the bird sing in the garden?", "paths": ["open.md"]}

# Longer than a simulator needs, short enough to be waited for a hundred times.
QUICK_S = 0.12
CALLS_EACH = {failure: 1 if failure == "time-out" else 3 for failure in ALL_FAILURES}

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "a chain through every cloud": {"routing": {"chain": [*CLOUD_MODELS, *FORWARDED_MODELS, "ollama:qwen2.5:1.5b"]}},
    "preferences for the cloud": {"routing": {"preferences": {"preferFaster": True, "fallbackToCloud": True}}},
    "only clouds acceptable": {"routing": {"preferences": {"acceptableModels": ["openrouter:*", "far:*", "lab:*"]}}},
    "every task on a cloud model": {
        "tasks": {name: {"model": [*CLOUD_MODELS, *FORWARDED_MODELS]} for name in ("synthesize", "chat", "metadata")}
    },
    "every task in the cloud tier": {"tasks": {name: {"tier": "cloud"} for name in ("synthesize", "chat", "snippet")}},
    "a forwarded model as the local one": {"model": "innocent", "modelPriority": ["gpt-oss:120b-cloud"]},
    "everything local-only": {"privacy": {"default": "local-only"}},
    "cloud when there is a key": {"cloud": {"enabled": "auto"}},
    "notes embedded elsewhere": {"docs": {"embeddings": "far:nomic-embed-text"}},
}


def pairs() -> Iterator[tuple[Source, str]]:
    """Every source with every flag, over and over, in an order that no other axis follows."""
    everything = list(product(SOURCES, FLAGS))
    for step in count():
        yield everything[step * 37 % len(everything)]


def combinations() -> list[tuple[int, str, str, bool, str]]:
    """Each strategy and mode with each failure; every second one without fallback too, where there are fewer hops."""
    axes = product(STRATEGIES, MODES, (True, False), ALL_FAILURES)
    kept = (axis for number, axis in enumerate(axes) if axis[2] or (number + number // 32) % 2)
    return [(number, *axis) for number, axis in enumerate(kept)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_no_byte_of_a_local_only_text_reaches_a_cloud(
    world: Upstreams, folders: Folders, logged: list[str], strategy: str, mode: str
) -> None:
    mine = [one for one in combinations() if one[1:3] == (strategy, mode)]
    picks, names = pairs(), list(VARIANTS)
    for _ in range(mine[0][0] * 5):
        next(picks)
    calls, complaints = 0, list[str]()
    for number, _, _, fallback, failure in mine:
        settings = {"cloud": {"mode": mode}, "routing": {"strategy": strategy, "fallback": fallback}}
        variant = names[number % len(names)]
        await world.fail((), "none")
        async with sonar(folders, world, settings, VARIANTS[variant], attempt_s=QUICK_S) as served:
            for hops in ((world.near,), world.outside, world.everyone):
                await world.fail(hops, failure)
                # Where the failure is known already, the plan differs from the one that meets it first.
                await served.run("synthesize", OPEN_CALL)
                for _ in range(CALLS_EACH[failure]):
                    source, flag = next(picks)
                    where = f"{strategy}, {mode}, fallback {fallback}, {variant}, {failure} of {len(hops)} hops"
                    complaints += [
                        f"{complaint} ({where})" for complaint in await complaints_of(served, world, source, flag)
                    ]
                    calls += 1
        complaints += [f"{place} holds it" for place, line in written_words(served.places) if CANARY in line]
        if complaints:
            break
    assert complaints == []
    assert calls == sum(3 * CALLS_EACH[failure] for *_, failure in mine)
    assert world.leaks(OPEN), "nothing reached the sockets that the proof watches"
    assert not [line for line in logged if CANARY in line]


async def complaints_of(served: Sonar, world: Upstreams, source: Source, flag: str) -> list[str]:
    """What is wrong with how one call went; the calls before it are known to have gone well."""
    name, before = f"{source.name} ({source.task}) with {flag}", len(served.left)
    result = await served.run_source(source, FLAGS[flag])
    complaints = [f"left with {name}: {leak[:300]}" for leak in world.leaks()]
    complaints += [f"said to have left for {model}: {name}" for model in served.left[before:]]
    if isinstance(result, AmalfaError) and CANARY in str(result):
        complaints.append(f"told in an error: {name}")
    return complaints


def test_the_combinations_are_all_there() -> None:
    made = combinations()
    assert {axis[1:] for axis in made if axis[3]} == set(product(STRATEGIES, MODES, (True,), ALL_FAILURES))
    assert {(mode, failure) for _, _, mode, fallback, failure in made if not fallback} == set(
        product(MODES, ALL_FAILURES)
    )
    assert {number % len(VARIANTS) for number, *_ in made} == set(range(len(VARIANTS)))
    picks = pairs()
    number = len(SOURCES) * len(FLAGS)
    some = [next(picks) for _ in range(number)]
    assert len({(source.name, source.task, flag) for source, flag in some}) == number
    assert sum(3 * CALLS_EACH[failure] for *_, failure in made) > 5 * number


async def test_local_only_texts_are_answered_by_the_local_model(world: Upstreams, folders: Folders) -> None:
    """Not leaking because nothing is ever asked would be no proof either."""
    async with sonar(folders, world) as served:
        for source in SOURCES:
            result = await served.run_source(source, FLAGS["no flag"])
            assert not isinstance(result, AmalfaError), (source, result)
            assert result.route.model == "ollama:qwen2.5:1.5b"
            assert result.route.left_machine is None
    assert world.stayed() >= len(SOURCES)


@pytest.mark.parametrize("flag", FLAGS)
async def test_with_the_cloud_off_nothing_at_all_goes_out(world: Upstreams, folders: Folders, flag: str) -> None:
    async with sonar(folders, world, {"cloud": {"enabled": False}}) as served:
        await served.run("synthesize", OPEN_CALL, wish=FLAGS[flag])
        await world.fail((world.near,), "500")
        await served.run("synthesize", OPEN_CALL, wish=FLAGS[flag])
        await served.run("metadata", {"path": "open.md"}, wish=FLAGS[flag])
    # `far` is somebody's own server that nobody verified: no cloud, though no place for local-only text either.
    world.far.requests.clear()
    assert world.leaks(OPEN) == []
    assert [sim.received for sim in (world.cloud, world.lab)] == [0, 0]
