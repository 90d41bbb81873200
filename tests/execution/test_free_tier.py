"""Free calls: 20 in a minute, so many on a UTC day, and all of an account's free models share them."""

from datetime import UTC, datetime, timedelta

import pytest

from amalfa.errors import CallError, RateLimited, UpstreamBroken
from amalfa.execution.free_tier import ACCOUNTS_MAX, DAYS_KEPT, PER_MINUTE, PER_MINUTE_OF_JOBS, FreeTier

FREE, OTHER_FREE, PAID = "a/b:free", "c/d:free:online", "a/b"
DAY_GONE = "the 50 free calls of this UTC day are used up; they begin anew at 00:00 UTC"


class Calendar:
    """A clock whose two hands can be moved apart."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.date = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.date

    def advance(self, **amount: float) -> None:
        step = timedelta(**amount)
        self.seconds += step.total_seconds()
        self.date += step


class Account:
    def __init__(self) -> None:
        self.clock = Calendar()
        self.tier = FreeTier(clock=self.clock)

    def call(self, times: int = 1, model: str = FREE, *, every_s: float = 4.0) -> None:
        for _ in range(times):
            self.tier.count("openrouter", model)
            self.clock.advance(seconds=every_s)

    def why(self, model: str = FREE) -> str | None:
        return self.tier.why("openrouter", model)


def test_the_first_free_call_may_be_made() -> None:
    assert Account().why() is None


def test_the_twenty_first_call_of_a_minute_waits() -> None:
    account = Account()
    account.call(PER_MINUTE, every_s=1)
    assert account.why() == "20 free calls were made within a minute; the next may be made in 40 s"


def test_the_minute_slides() -> None:
    account = Account()
    account.call(10, every_s=0)
    account.clock.advance(seconds=30)
    account.call(10, every_s=0)
    account.clock.advance(seconds=30)
    assert account.why() is None
    account.call(10, every_s=0)
    assert str(account.why()).endswith("in 30 s")


def test_the_fifty_first_call_of_a_day_is_not_made() -> None:
    account = Account()
    account.call(49)
    assert account.why() is None
    account.call()
    assert account.why() == DAY_GONE


def test_the_day_begins_anew_at_midnight_utc() -> None:
    account = Account()
    account.call(50)
    account.clock.advance(hours=11)
    assert account.why() == DAY_GONE
    account.clock.advance(hours=1)
    assert account.why() is None


def test_a_wall_clock_that_jumps_back_does_not_reopen_a_spent_day() -> None:
    account = Account()
    account.call(50)
    account.clock.date += timedelta(days=1)
    account.call()
    account.clock.date -= timedelta(days=1)
    assert account.why() == DAY_GONE


def test_a_changed_wall_clock_does_not_move_the_minute() -> None:
    account = Account()
    account.call(20, every_s=0)
    account.clock.date -= timedelta(hours=3)
    assert str(account.why()).endswith("in 60 s")


def test_all_free_models_of_an_account_share_its_limits() -> None:
    account = Account()
    account.call(25, FREE)
    account.call(25, OTHER_FREE)
    assert account.why("e/f:free") == DAY_GONE
    assert account.why("openrouter/free") == DAY_GONE


def test_models_that_cost_money_have_no_such_limit() -> None:
    account = Account()
    account.call(100, PAID, every_s=0)
    assert account.why(FREE) is None, "they do not use up free calls"
    account.call(50)
    assert account.why(PAID) is None


def test_one_account_says_nothing_of_another() -> None:
    account = Account()
    account.call(50)
    assert account.tier.why("openrouter-eu", FREE) is None


def test_what_the_provider_says_of_the_limit_holds() -> None:
    account = Account()
    account.tier.learn("openrouter", 1000, 12)
    account.call(60)
    assert account.why() is None
    account.tier.learn("openrouter", 60, None)
    assert str(account.why()).startswith("the 60 free calls")


def test_calls_made_elsewhere_with_the_same_account_count() -> None:
    account = Account()
    account.tier.learn("openrouter", 50, 49)
    assert account.why() is None
    account.call()
    assert account.why() == DAY_GONE


def test_a_count_that_lags_behind_does_not_give_calls_back() -> None:
    account = Account()
    account.call(50)
    account.tier.learn("openrouter", 50, 2)
    assert account.why() == DAY_GONE


def test_nonsense_about_the_limit_is_not_learned() -> None:
    account = Account()
    account.tier.learn("openrouter", -1, -1)
    assert account.why() is None


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            RateLimited("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests"),
            DAY_GONE,
        ),
        (
            RateLimited("Rate limit exceeded: free-models-per-day-high-balance. "),
            "the 1000 free calls of this UTC day are used up; they begin anew at 00:00 UTC",
        ),
        (
            RateLimited("Rate limit exceeded: free-models-per-min. "),
            "20 free calls were made within a minute; the next may be made in 60 s",
        ),
        (RateLimited("upstream is busy"), None),
        (UpstreamBroken("free-models-per-day"), None),
    ],
    ids=["the day of a new account", "the day of a paying account", "the minute", "another limit", "another failure"],
)
def test_a_refusal_teaches_which_limit_was_met(error: CallError, why: str | None) -> None:
    account = Account()
    account.tier.heard("openrouter", error)
    assert account.why() == why


def test_memory_stays_bounded() -> None:
    account = Account()
    for _ in range(10):
        account.call()
        account.clock.advance(days=1)
    assert len(account.tier._accounts["openrouter"].used) == DAYS_KEPT
    for number in range(2 * ACCOUNTS_MAX):
        account.tier.count(f"p{number}", FREE)
    assert len(account.tier._accounts) == ACCOUNTS_MAX


def test_jobs_wait_for_the_next_minute_and_leave_the_rest_of_this_one_to_people() -> None:
    account = Account()
    account.call(PER_MINUTE_OF_JOBS - 1, every_s=1)
    assert account.tier.pace_wait_s("openrouter", FREE) == 0
    account.call(every_s=0)
    assert account.tier.pace_wait_s("openrouter", OTHER_FREE) == 60 - (PER_MINUTE_OF_JOBS - 1)
    assert account.tier.pace_wait_s("openrouter", PAID) == 0
    assert account.why() is None
    account.clock.advance(seconds=60)
    assert account.tier.pace_wait_s("openrouter", FREE) == 0


def test_a_full_minute_is_no_reason_against_a_job_and_a_used_up_day_is() -> None:
    account = Account()
    account.call(PER_MINUTE, every_s=0)
    assert account.why() is not None
    assert account.tier.why_day("openrouter", FREE) is None
    account.call(50 - PER_MINUTE)
    assert account.tier.why_day("openrouter", FREE) == DAY_GONE
