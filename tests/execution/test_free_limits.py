"""What a provider says of its free calls reaches the count, and it is asked only while there are any."""

from dataclasses import dataclass, field

from amalfa.errors import UpstreamBroken
from amalfa.execution.free_limits import ASK_AGAIN_S, FreeLimits
from amalfa.execution.free_tier import FreeTier
from amalfa.providers.openrouter_account import KeyLimits
from tests.fakes import FakeClock, FakeProvider


@dataclass
class Account(FakeProvider):
    fingerprint: str = "account"
    limits: list[KeyLimits | UpstreamBroken] = field(default_factory=list)
    times_asked: int = 0

    async def key_limits(self) -> KeyLimits:
        self.times_asked += 1
        told = self.limits.pop(0)
        if isinstance(told, UpstreamBroken):
            raise told
        return told


class House:
    def __init__(self, *limits: KeyLimits | UpstreamBroken) -> None:
        self.clock = FakeClock()
        self.tier = FreeTier(clock=self.clock)
        self.provider = Account(limits=list(limits))
        self.work = FreeLimits(self.tier, lambda: {"openrouter": self.provider}, clock=self.clock)


async def test_an_account_without_free_calls_is_never_asked_about() -> None:
    house = House()
    await house.work.learn()
    assert house.provider.times_asked == 0


async def test_calls_that_others_made_count_as_well() -> None:
    house = House(KeyLimits(free_daily_limit=50, free_daily_used=50))
    house.tier.count("account", "m:free")
    assert house.tier.why("account", "m:free") is None
    await house.work.learn()
    assert "50 free calls" in (house.tier.why("account", "m:free") or "")


async def test_an_account_that_bought_credit_may_make_more() -> None:
    house = House(KeyLimits(free_daily_limit=1000, free_daily_used=60))
    for _ in range(55):
        house.tier.count("account", "m:free")
        house.clock.seconds += 10
    assert house.tier.why("account", "m:free") is not None
    await house.work.learn()
    assert house.tier.why("account", "m:free") is None


async def test_it_is_asked_again_only_after_a_while() -> None:
    house = House(KeyLimits(50, 1), KeyLimits(50, 2))
    house.tier.count("account", "m:free")
    await house.work.learn()
    await house.work.learn()
    assert house.provider.times_asked == 1
    house.clock.seconds += ASK_AGAIN_S
    await house.work.learn()
    assert house.provider.times_asked == 2


async def test_a_provider_that_does_not_tell_changes_nothing() -> None:
    house = House(UpstreamBroken("500"))
    house.tier.count("account", "m:free")
    await house.work.learn()
    assert house.tier.why("account", "m:free") is None
