"""The second lock: with the policy removed the exit check refuses; with both removed the proof fails, as it must."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from amalfa.calls import Call, ModelName, PrivacyClass, Tier, Wish
from amalfa.errors import Unserved
from amalfa.execution.switch import Switch
from amalfa.providers.wire import Outgoing, Wire
from amalfa.routing.plan import Plan
from tests.privacy.house import CANARY, CLOUD_MODELS, FORWARDED_MODELS, SOURCES, Folders, Source, Upstreams, sonar

EVERY_CLOUD = (*CLOUD_MODELS, *FORWARDED_MODELS)


@contextmanager
def a_reckless_policy(*models: str) -> Iterator[None]:
    """For as long as the block lasts, every call is planned for these models and for no other."""
    plan = Switch.plan

    async def reckless(self: Switch, call: Call) -> Plan:
        sound = await plan(self, replace(call, privacy=PrivacyClass.CLOUD_OK))
        template = sound.entries[0]
        names = [ModelName(*name.split(":", 1)) for name in models]
        entries = [
            replace(template, model=name, tier=Tier.LOCAL if name.provider == "ollama" else Tier.CLOUD)
            for name in names
        ]
        return replace(sound, entries=tuple(entries))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Switch, "plan", reckless)
        yield


@contextmanager
def no_exit_check() -> Iterator[None]:
    def check(self: Wire, outgoing: Outgoing) -> None:
        """Lets everything pass."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "check", check)
        patch.setattr("amalfa.providers.endpoint.refusal", lambda privacy, destination: None)
        patch.setattr("amalfa.providers.wire.refusal", lambda privacy, destination: None)
        yield


@pytest.mark.parametrize("source", SOURCES, ids=lambda one: f"{one.name}-{one.task}")
async def test_without_a_policy_the_exit_check_refuses_every_cloud(
    world: Upstreams, folders: Folders, source: Source
) -> None:
    async with sonar(folders, world) as served:
        with a_reckless_policy(*EVERY_CLOUD):
            result = await served.run_source(source, Wish())
        assert isinstance(result, Unserved)
        route = result.route
        assert route is not None
        tried = {attempt.model: attempt.outcome for attempt in route.attempts}
        assert set(tried) == set(EVERY_CLOUD)
        assert set(tried.values()) == {"forbidden"}
        assert CANARY not in str(result)
    assert world.leaks() == []
    assert [request for sim in world.outside for request in sim.requests if request.method != "GET"] == []


async def test_what_the_exit_check_refused_is_not_said_to_have_left(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world) as served:
        with a_reckless_policy(*EVERY_CLOUD):
            result = await served.run_source(SOURCES[0], Wish())
        assert isinstance(result, Unserved)
        assert result.route is not None
        assert result.route.left_machine is None


@pytest.mark.parametrize("source", SOURCES, ids=lambda one: f"{one.name}-{one.task}")
@pytest.mark.parametrize("model", EVERY_CLOUD)
async def test_without_policy_and_exit_check_the_detector_detects(
    world: Upstreams, folders: Folders, model: str, source: Source
) -> None:
    async with sonar(folders, world) as served:
        with a_reckless_policy(model), no_exit_check():
            await served.run_source(source, Wish())
    assert world.leaks(), f"{model} got the text and nobody noticed"


async def test_the_whole_proof_fails_over_a_sabotaged_program(
    world: Upstreams, folders: Folders, logged: list[str]
) -> None:
    from tests.privacy import test_nothing_leaks as proof

    with a_reckless_policy(*EVERY_CLOUD), no_exit_check(), pytest.raises(AssertionError, match="left with"):
        await proof.test_no_byte_of_a_local_only_text_reaches_a_cloud(world, folders, logged, "local_first", "replace")


async def test_a_policy_that_forgets_privacy_alone_leaks_nothing(world: Upstreams, folders: Folders) -> None:
    """The mistake most likely to be made: the class is lost on the way to the policy, the call still has it."""
    plan = Switch.plan

    async def forgetful(self: Switch, call: Call) -> Plan:
        return await plan(self, replace(call, privacy=PrivacyClass.CLOUD_OK))

    async with sonar(folders, world, {"cloud": {"mode": "replace"}}) as served:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Switch, "plan", forgetful)
            for source in SOURCES:
                await served.run_source(source, Wish())
    assert world.leaks() == []
