"""The exact-match cache of replies: what it has to be able to do. Where they lie is in `reply_file`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from amalfa.execution.cache_key import CacheKey


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A whole reply as the model wrote it, and when that was."""

    text: str
    at: datetime

    def age(self, now: datetime) -> timedelta:
        """How old it is; one that seems to come from the future, after a clock was set back, is new."""
        return max(now - self.at, timedelta())

    @property
    def at_s(self) -> int:
        return int(self.at.timestamp())

    @classmethod
    def of(cls, text: str, at_s: int) -> "KeptReply":
        return cls(text, datetime.fromtimestamp(at_s, UTC))


class ReplyCache(Protocol):
    """Where replies are kept. None of it ever fails a call: what cannot be read or written is not there."""

    def peek(self, key: CacheKey) -> KeptReply | None:
        """What is at hand at once; asks no disk for its text."""
        ...

    async def find(self, key: CacheKey) -> KeptReply | None:
        """What was kept under this key, however old."""
        ...

    def keep(self, key: CacheKey, reply: KeptReply) -> None:
        """Keep a reply in the place of an older one. Returns at once; it is written soon."""
        ...

    def drop(self, key: CacheKey) -> None:
        """Forget one reply. Returns at once."""
        ...


class NoReplyCache:
    """Keeps nothing."""

    def peek(self, key: CacheKey) -> KeptReply | None:
        return None

    async def find(self, key: CacheKey) -> KeptReply | None:
        return None

    def keep(self, key: CacheKey, reply: KeptReply) -> None:
        return None

    def drop(self, key: CacheKey) -> None:
        return None
