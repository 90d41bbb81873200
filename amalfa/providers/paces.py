"""Keeps the pace of every API while configurations come and go, so that a reload lets nobody rush. Does no I/O."""

from amalfa.clock import Clock
from amalfa.providers.pacer import Pace, Pacer

ACCOUNTS_MAX = 64


class Paces:
    """The pacers by the fingerprint of what they are for: an address with its key. One for the process."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._pacers: dict[str, Pacer] = {}

    def pacer(self, account: str, pace: Pace) -> Pacer:
        """The pacer of an account, held to these bounds from now on."""
        pacer = self._pacers.pop(account, None)
        if pacer is None:
            if len(self._pacers) >= ACCOUNTS_MAX:
                self._pacers.pop(next(iter(self._pacers)))
            pacer = Pacer(pace, self._clock)
        else:
            pacer.change(pace)
        self._pacers[account] = pacer
        return pacer
