"""Counts what happened in the last minute, in fixed memory however much that was. Reads no clock."""

WINDOW_S = 60.0
BUCKET_S = 5.0
BUCKETS = int(WINDOW_S / BUCKET_S)


class Window:
    """A count that forgets after a minute, in steps of five seconds. Times are monotonic readings."""

    __slots__ = ("_counts", "_newest", "_total")

    def __init__(self) -> None:
        self._counts = [0] * BUCKETS
        self._newest = 0
        self._total = 0

    def add(self, now_s: float) -> None:
        """Count one event."""
        self._forget(now_s)
        self._counts[self._newest % BUCKETS] += 1
        self._total += 1

    def total(self, now_s: float) -> int:
        """How many events the last minute holds."""
        self._forget(now_s)
        return self._total

    def clear(self) -> None:
        """Forget everything."""
        self._counts = [0] * BUCKETS
        self._total = 0

    def _forget(self, now_s: float) -> None:
        bucket = int(now_s // BUCKET_S)
        if bucket - self._newest >= BUCKETS:
            self.clear()
        else:
            for stale in range(self._newest + 1, bucket + 1):
                self._total -= self._counts[stale % BUCKETS]
                self._counts[stale % BUCKETS] = 0
        self._newest = max(self._newest, bucket)
