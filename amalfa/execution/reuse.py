"""Decides for one Generation which replies are kept and which kept ones may be given again. Asks no model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import anyio

from amalfa.calls import Call, Prompt, Tier
from amalfa.clock import Clock
from amalfa.execution.cache import KeptReply, ReplyCache
from amalfa.execution.cache_key import CacheKey, key_of
from amalfa.execution.flights import Flight, Flights
from amalfa.execution.redaction import Redactor
from amalfa.execution.report import Outcome
from amalfa.execution.sensitive import find_keys
from amalfa.providers.provider import Provider
from amalfa.routing.plan import Entry

STALE_FACTOR = 4
"""How many times its usual age a reply may have when it is given because everybody failed."""

FOLLOWED_MAX = 3
"""How many calls one waits for, one after the other, before it asks by itself."""

REPLY_MAX_CHARACTERS = 262_144
"""Longer replies are not kept: they are rare, and looking for keys in them takes time that others wait for."""


@dataclass(frozen=True, slots=True)
class CacheRules:
    """`sonar.cache`, as far as single replies are concerned."""

    is_enabled: bool = False
    max_age: timedelta = timedelta(days=7)
    is_stale_allowed: bool = False


@dataclass(slots=True)
class Turn:
    """One call's turn at one model: with a `reply` there is nothing to ask any more.

    `is_too_late`: an equal call was waited for until no time was left. `waited_s` is how long that took.
    """

    reply: KeptReply | None = None
    is_too_late: bool = False
    waited_s: float = 0.0
    flight: Flight | None = None


@dataclass(frozen=True, slots=True)
class Reuse:
    """`cache` and `flights` outlive the Generation, `rules` are its own."""

    cache: ReplyCache
    flights: Flights
    rules: CacheRules
    clock: Clock = field(repr=False)

    def key(
        self, call: Call, entry: Entry, provider: Provider, prompt: Prompt, redactor: Redactor | None
    ) -> CacheKey | None:
        """The name to look under; None when neither a kept reply nor a shared one may serve this call here.

        The embedded engine replies at once, and by its code: an update would not show.
        """
        if not (self.rules.is_enabled and call.handling.is_cacheable) or entry.tier is Tier.EMBEDDED:
            return None
        return key_of(call, entry, provider, prompt, blanked_by=redactor.rules if redactor else ())

    @asynccontextmanager
    async def turn(self, key: CacheKey, call: Call, *, deadline_s: float) -> AsyncIterator[Turn]:
        """A kept reply, that of an equal call under way, or the turn to ask; equal calls wait for the block's end."""
        if (kept := self._fresh(self.cache.peek(key))) is not None:
            yield Turn(kept)
            return
        name, began_s = (key, call.handling.lane), self.clock.monotonic_s()
        for _ in range(FOLLOWED_MAX):
            if (flight := self.flights.find(name)) is None:
                break
            with anyio.move_on_after(deadline_s - self.clock.monotonic_s()) as patience:
                kept = await flight.landed()
            if kept is not None or patience.cancelled_caught:
                yield Turn(kept, is_too_late=kept is None, waited_s=self.clock.monotonic_s() - began_s)
                return
        waited_s = self.clock.monotonic_s() - began_s
        with self.flights.lead(name) as own:
            kept = self._fresh(await self.cache.find(key))
            if kept is not None:
                own.land(kept)
            yield Turn(kept, waited_s=waited_s, flight=own)

    def keep(self, key: CacheKey, turn: Turn, outcome: Outcome) -> None:
        """Keep a reply that may be given again, and hand it to those who wait for it."""
        finished = outcome.finished
        if outcome.error is not None or finished is None or finished.finish != "stop" or outcome.tool_calls:
            return
        reply = KeptReply(outcome.text, self.clock.now())
        if turn.flight is not None:
            turn.flight.land(reply)
        # What looks like a key is not written down anywhere, whoever said it.
        if len(reply.text) <= REPLY_MAX_CHARACTERS and next(find_keys(reply.text), None) is None:
            self.cache.keep(key, reply)

    def drop(self, key: CacheKey) -> None:
        """Forget a reply that cannot be read any more."""
        self.cache.drop(key)

    async def stale(self, key: CacheKey) -> KeptReply | None:
        """A reply for a call that nobody could serve, past its age; None where `staleIfError` does not allow it."""
        if not self.rules.is_stale_allowed:
            return None
        kept = await self.cache.find(key)
        return kept if kept and kept.age(self.clock.now()) <= STALE_FACTOR * self.rules.max_age else None

    def _fresh(self, kept: KeptReply | None) -> KeptReply | None:
        return kept if kept and kept.age(self.clock.now()) <= self.rules.max_age else None
