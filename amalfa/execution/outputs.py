"""How long replies of a task usually are, so that a runaway one is cut early. Lives in memory."""

from collections import deque

SAMPLES = 100
# With fewer replies than this the longest of them says little.
SAMPLES_MIN = 20
ROOM = 2
FEWEST_TOKENS = 256
KEYS_MAX = 500


class OutputSizes:
    """The sizes of the last good replies, by task and model. One for the process."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[str, str], deque[int]] = {}

    def add(self, task: str, model: str, tokens: int) -> None:
        """One reply that was whole and could be used."""
        key = (task, model)
        if key in self._sizes or len(self._sizes) < KEYS_MAX:
            self._sizes.setdefault(key, deque(maxlen=SAMPLES)).append(tokens)

    def cap(self, task: str, model: str, configured: int) -> int:
        """How many tokens a reply may have: twice what 99 of 100 took, and never more than is configured."""
        sizes = self._sizes.get((task, model), ())
        if len(sizes) < SAMPLES_MIN:
            return configured
        usual = sorted(sizes)[round(0.99 * (len(sizes) - 1))]
        return min(configured, max(FEWEST_TOKENS, ROOM * usual))
