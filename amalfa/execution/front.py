"""The replies used last, in memory, so that a hit asks no disk."""

from collections import OrderedDict

from amalfa.execution.cache import KeptReply
from amalfa.execution.cache_key import CacheKey
from amalfa.execution.reply_table import size_of

FRONT_MAX_BYTES = 16 << 20


class Front:
    """At most so many bytes; what was not used for longest goes first."""

    def __init__(self, most_bytes: int = FRONT_MAX_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._replies: OrderedDict[CacheKey, tuple[KeptReply, int]] = OrderedDict()

    def get(self, key: CacheKey) -> KeptReply | None:
        found = self._replies.get(key)
        if found is None:
            return None
        self._replies.move_to_end(key)
        return found[0]

    def put(self, key: CacheKey, reply: KeptReply) -> None:
        self.drop(key)
        size = size_of(reply.text)
        self._replies[key] = (reply, size)
        self._bytes += size
        self._shrink()

    def limit(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._shrink()

    def drop(self, key: CacheKey) -> None:
        found = self._replies.pop(key, None)
        if found is not None:
            self._bytes -= found[1]

    def clear(self) -> None:
        self._replies.clear()
        self._bytes = 0

    def _shrink(self) -> None:
        while self._bytes > self._most_bytes:
            self.drop(next(iter(self._replies)))
