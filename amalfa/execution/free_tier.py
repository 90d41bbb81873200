"""Keeps count of free calls, so that a limit is met before the provider has to refuse. Does no I/O.

OpenRouter's limits hold for an account over all its `:free` models: 20 calls in a minute, and 50 or 1000 on a
day that begins at 00:00 UTC. Refused calls count as well, so asking on makes nothing better.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import date

from amalfa.clock import Clock
from amalfa.errors import CallError, RateLimited

PER_MINUTE = 20
# Jobs leave the rest of each minute to people.
PER_MINUTE_OF_JOBS = 16
MINUTE_S = 60.0
# Accounts that never bought credit; `learn` knows better once the provider has said so.
PER_DAY, PER_DAY_PAID = 50, 1000
ACCOUNTS_MAX = 64
# Enough to survive a wall clock that jumps a day and back: a day that was spent stays spent.
DAYS_KEPT = 3


class FreeTier:
    """The free calls of every account; `provider` stands for an account. Lives as long as the process."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def why(self, provider: str, model: str) -> str | None:
        """Why this model must not be asked now; None when it may, and for every model that is not free."""
        if (used_up := self.why_day(provider, model)) is not None:
            return used_up
        account = self._accounts.get(provider) if is_limited(model) else None
        if account is None:
            return None
        wait_s = account.minute_wait_s(self._clock.monotonic_s())
        if wait_s > 0:
            return f"{PER_MINUTE} free calls were made within a minute; the next may be made in {wait_s:.0f} s"
        return None

    def why_day(self, provider: str, model: str) -> str | None:
        """The same as far as the day alone is concerned: a job waits for the next minute, but not for the next day."""
        account = self._accounts.get(provider) if is_limited(model) else None
        if account is None or account.used_on(self._clock.now().date()) < account.per_day:
            return None
        return f"the {account.per_day} free calls of this UTC day are used up; they begin anew at 00:00 UTC"

    def pace_wait_s(self, provider: str, model: str) -> float:
        """How long a job waits before its next free call; 0 for every model that is not free."""
        account = self._accounts.get(provider) if is_limited(model) else None
        if account is None:
            return 0.0
        return max(account.minute_wait_s(self._clock.monotonic_s(), most=PER_MINUTE_OF_JOBS), 0.0)

    def count(self, provider: str, model: str) -> None:
        """An attempt is being made; to be called whatever becomes of it. Models that are not free are ignored."""
        if is_limited(model):
            account = self._account(provider)
            account.recent.append(self._clock.monotonic_s())
            account.raise_to(self._clock.now().date(), by=1)

    def is_used(self, provider: str) -> bool:
        """Whether this account has made any free call since sonar started."""
        account = self._accounts.get(provider)
        return account is not None and bool(account.recent)

    def learn(self, provider: str, limit: int | None, used: int | None) -> None:
        """What the provider says of the day: calls allowed and calls made. None where it does not say.

        Its count lags behind, so the higher of its own and ours holds.
        """
        account = self._account(provider)
        if limit is not None and limit >= 0:
            account.per_day = limit
        if used is not None:
            account.raise_to(self._clock.now().date(), to=used)

    def heard(self, provider: str, error: CallError) -> None:
        """Learn from a refusal that names the limit it is about; any other error changes nothing."""
        if not isinstance(error, RateLimited):
            return
        if "free-models-per-day" in error.message:
            limit = PER_DAY_PAID if "free-models-per-day-high-balance" in error.message else PER_DAY
            self.learn(provider, limit, limit)
        elif "free-models-per-min" in error.message:
            self._account(provider).recent.extend([self._clock.monotonic_s()] * PER_MINUTE)

    def _account(self, provider: str) -> "_Account":
        account = self._accounts.pop(provider, None) or _Account()
        if len(self._accounts) >= ACCOUNTS_MAX:
            self._accounts.pop(next(iter(self._accounts)))
        self._accounts[provider] = account
        return account


def is_limited(model: str) -> bool:
    """Whether a model falls under the limits: a free variant, or the router that picks one."""
    return ":free" in model or model == "openrouter/free"


@dataclass(slots=True)
class _Account:
    per_day: int = PER_DAY
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=PER_MINUTE))
    used: dict[date, int] = field(default_factory=dict)

    def used_on(self, day: date) -> int:
        return self.used.get(day, 0)

    def raise_to(self, day: date, *, to: int = 0, by: int = 0) -> None:
        self.used[day] = max(self.used_on(day) + by, to)
        for old in sorted(self.used)[:-DAYS_KEPT]:
            del self.used[old]

    def minute_wait_s(self, now_s: float, *, most: int = PER_MINUTE) -> float:
        """Until fewer than `most` calls are less than a minute old; zero or less when there is room."""
        return self.recent[-most] + MINUTE_S - now_s if len(self.recent) >= most else 0.0
