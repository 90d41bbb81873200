"""What is known of every provider now: who answers, who refuses our key, who was found down. Asks only while used.

The board outlives configurations. What it knows belongs to a provider's fingerprint, so a rotated key or a
changed address begins with a clean record, and a call that still runs on an old configuration cannot spoil it.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import anyio
from anyio.abc import TaskGroup

from amalfa.calls import Tier
from amalfa.clock import Clock
from amalfa.errors import CallError, ConnectFailed, ModelMissing, PaymentRequired, Unauthorized
from amalfa.providers.provider import Host, Presence, Provider

log = logging.getLogger("amalfa.providers")

# A cloud is not asked how it does: the calls tell. After one that found nobody, the next may try this much later.
CLOUD_DOWN_S = 15.0

UNKNOWN = Presence("unknown")


@runtime_checkable
class _Standing(Protocol):
    """A provider that can say without asking anybody whether it may be tried."""

    def standing(self) -> Presence | None:
        """`no_key` or `parked`; None when nothing speaks against trying."""
        ...


@dataclass(frozen=True, slots=True)
class _Record:
    """The last presence and when it was found. `is_held`: stays until the key or the configuration changes."""

    presence: Presence
    seen_s: float
    is_held: bool = False


class HealthBoard:
    """One for the whole process. `tasks` must outlive every caller: a look goes on when its caller stops waiting."""

    def __init__(self, *, tasks: TaskGroup, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._current: dict[str, str] = {}
        self._looks: dict[str, anyio.Event] = {}

    async def refresh(self, providers: Mapping[str, Provider], *, max_age_s: float = 1.0, wait_s: float = 0.25) -> None:
        """Look again at every provider last seen longer ago than `max_age_s`, waiting at most `wait_s`.

        Looks run side by side, one at a time for each provider however many callers want it. What is still
        unknown afterwards stays "unknown" and may be tried.
        """
        self._follow(providers)
        looks = [self._look(provider) for provider in providers.values() if self._is_due(provider, max_age_s)]
        with anyio.move_on_after(wait_s):
            for look in looks:
                await look.wait()

    def presence(self, name: str) -> Presence:
        """The last known presence of the provider that `refresh` saw last under this name."""
        record = self._records.get(self._current.get(name, ""))
        return record.presence if record else UNKNOWN

    def presence_of(self, provider: Provider) -> Presence:
        """The last known presence of exactly this provider, whatever configuration it belongs to."""
        record = self._records.get(_key(provider))
        return record.presence if record else UNKNOWN

    def succeeded(self, provider: Provider) -> None:
        """A call to it went well."""
        record = self._records.get(_key(provider))
        hosts = record.presence.hosts if record else ()
        if record is None or record.presence.state != "up":
            self._keep(provider, Presence("up", hosts=hosts))

    def failed(self, provider: Provider, error: CallError) -> None:
        """A call to it failed. Only failures that say something about the next call change anything."""
        match error:
            case ConnectFailed():
                self._keep(provider, Presence("down", error.message, self._hosts_down(provider, error.message)))
            case Unauthorized():
                self._keep(provider, Presence("parked", str(error)), is_held=True)
            case PaymentRequired(retry_after_s=None):
                self._keep(provider, Presence("parked", str(error)), is_held=True)
            case ModelMissing():
                self._look_again_next_time(provider)
            case _:
                pass

    def _look_again_next_time(self, provider: Provider) -> None:
        """The list of its models is not true any more."""
        record = self._records.get(_key(provider))
        if record is not None and not record.is_held:
            self._records[_key(provider)] = replace(record, seen_s=float("-inf"))

    def forget_refusals(self) -> None:
        """Let parked providers be tried again, after a reload that somebody asked for: credit may have been added."""
        self._records = {key: record for key, record in self._records.items() if not record.is_held}

    def _follow(self, providers: Mapping[str, Provider]) -> None:
        self._current = {name: _key(provider) for name, provider in providers.items()}
        # Records of configurations that are gone would only pile up.
        alive = {*self._current.values(), *self._looks}
        if len(self._records) > 4 * len(alive):
            self._records = {key: record for key, record in self._records.items() if key in alive}

    def _is_due(self, provider: Provider, max_age_s: float) -> bool:
        key = _key(provider)
        record = self._records.get(key)
        if record is not None and record.is_held:
            return False
        if provider.tier is Tier.CLOUD and isinstance(provider, _Standing):
            self._note_standing(provider, provider.standing(), record)
            return False
        return key in self._looks or record is None or self._age_s(record) >= max_age_s

    def _age_s(self, record: _Record) -> float:
        return self._clock.monotonic_s() - record.seen_s

    def _note_standing(self, provider: Provider, standing: Presence | None, record: _Record | None) -> None:
        if standing is not None:
            # Who plans tells by the object whether anything has changed, and a new one would cost a new survey.
            is_known = record is not None and record.presence == standing
            self._keep(provider, record.presence if record is not None and is_known else standing)
        elif record is not None and record.presence.state == "down" and self._age_s(record) >= CLOUD_DOWN_S:
            self._keep(provider, UNKNOWN)

    def _look(self, provider: Provider) -> anyio.Event:
        key = _key(provider)
        if key not in self._looks:
            self._looks[key] = anyio.Event()
            self._tasks.start_soon(self._run_look, key, provider)
        return self._looks[key]

    async def _run_look(self, key: str, provider: Provider) -> None:
        try:
            presence = await provider.look()
        except Exception:
            # An error that escaped would end the whole group, and with it every other task of the daemon.
            log.exception("looking at %s failed", provider.name)
            presence = Presence("down", f"Looking at {provider.name} failed; see `amalfa sonar logs`.")
        finally:
            self._looks.pop(key).set()
        record = self._records.get(key)
        if record is None or not record.is_held:
            self._keep(provider, presence)

    def _keep(self, provider: Provider, presence: Presence, *, is_held: bool = False) -> None:
        self._records[_key(provider)] = _Record(presence, self._clock.monotonic_s(), is_held)

    def _hosts_down(self, provider: Provider, reason: str) -> tuple[Host, ...]:
        record = self._records.get(_key(provider))
        hosts = record.presence.hosts if record else ()
        return tuple(replace(host, state="down", reason=reason) for host in hosts)


def _key(provider: Provider) -> str:
    # To ask a Protocol whether it has an attribute takes ten times as long, and a call does this dozens of times.
    return str(getattr(provider, "fingerprint", provider.name))
