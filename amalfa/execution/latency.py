"""How long models took lately, by how big the call was: what a strategy for speed goes by. Lives in memory."""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from statistics import median

BANDS = (500, 2_000, 8_000)
"""Where one band of prompt sizes ends and the next begins, in tokens: a prompt is read before it is answered."""

SAMPLES = 16
MODELS_MAX = 500


class Latencies:
    """The medians of the last calls that ended well. One for the process."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, int], deque[int]] = {}
        self._models: dict[str, None] = {}
        self._medians: tuple[dict[str, float], ...] = tuple({} for _ in range(len(BANDS) + 1))

    def add(self, model: str, *, tokens_in: int, ms: int) -> None:
        """One call that took `ms` from its sending to its last token."""
        if model not in self._models and len(self._models) >= MODELS_MAX:
            return
        self._models[model] = None
        band = bisect_right(BANDS, tokens_in)
        samples = self._samples.setdefault((model, band), deque(maxlen=SAMPLES))
        samples.append(ms)
        self._medians[band][model] = float(median(samples))
        self._fill(model)

    def of_size(self, tokens_in: int) -> Mapping[str, float]:
        """Milliseconds by model name, for a prompt of so many tokens; a model never measured is not in it."""
        return self._medians[bisect_right(BANDS, tokens_in)]

    def _fill(self, model: str) -> None:
        """Let a size that was never measured borrow from the nearest one that was."""
        measured = [band for band in range(len(self._medians)) if (model, band) in self._samples]
        for band, medians in enumerate(self._medians):
            if band not in measured:
                nearest = min(measured, key=lambda other: (abs(other - band), other))
                medians[model] = self._medians[nearest][model]
