"""How many calls of one model a host works on at once, learnt from what it does. Does no I/O.

Ollama does not tell its number of slots; a call beyond it waits inside Ollama, which its own times give away:
`total - load - prompt - reply` is what the call spent waiting there. So one call more is tried as long as nobody
had to wait, and one less is used once somebody had.
"""

from dataclasses import dataclass, replace

SLOTS_MAX = 32
# A wait this short is the server's own work and not a queue.
WAIT_NOTICED_S = 0.05
# A call waited for a slot when it waited for this share of the time it was worked on. One too many for four slots
# waits for a quarter of a call, as the next of them ends by then; one too many for eight, for half of that.
WAIT_SHARE = 0.1
# The server may have been restarted with more slots, so after so many good calls one more is tried again.
TRY_AGAIN_AFTER = 200


@dataclass(frozen=True, slots=True)
class SlotCount:
    """What is known so far. `most` calls may run at once; `is_settled`: more of them had to wait.

    `good` counts the calls without a wait since that was found out. `is_fixed`: the configuration says how many.
    """

    most: int = 1
    is_settled: bool = False
    is_fixed: bool = False
    good: int = 0

    def after(self, *, beside: int, waited_s: float | None, worked_s: float) -> "SlotCount":
        """One call ended well that ran with `beside` others at most. `waited_s` None: the server did not say."""
        if self.is_fixed or waited_s is None:
            return self
        ran = beside + 1
        if waited_s > max(WAIT_NOTICED_S, WAIT_SHARE * worked_s):
            return replace(self, most=max(1, min(self.most, ran - 1)), is_settled=True, good=0) if ran > 1 else self
        if self.is_settled:
            return self._after_good()
        return replace(self, most=min(SLOTS_MAX, ran + 1)) if ran >= self.most else self

    def after_refusal(self, running: int) -> "SlotCount":
        """One of `running` calls was refused for want of room: half of them may run from now on, but one always."""
        if self.is_fixed:
            return self
        return replace(self, most=max(1, min(self.most, running) // 2), is_settled=True, good=0)

    def _after_good(self) -> "SlotCount":
        if self.good + 1 < TRY_AGAIN_AFTER:
            return replace(self, good=self.good + 1)
        return replace(self, most=min(SLOTS_MAX, self.most + 1), is_settled=False, good=0)


def fixed(slots: int) -> SlotCount:
    """As many as the configuration says."""
    return SlotCount(most=slots, is_settled=True, is_fixed=True)
