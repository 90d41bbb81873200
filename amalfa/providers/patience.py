"""How long a reply may take: one clock for each way in which a provider can keep a caller waiting. Does no I/O."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits, in seconds. The call's own deadline cuts all of them short.

    `first_event_s` bounds the wait for the first piece of a reply from a provider that has already shown
    signs of life (a status line, a keep-alive comment). `per_token_s` is the progress floor: on average
    at least one piece in that time, after a start of `idle_s`.
    """

    connect_s: float = 2.0
    first_byte_s: float = 10.0
    cold_first_byte_s: float = 300.0
    first_event_s: float = 60.0
    idle_s: float = 30.0
    per_token_s: float = 10.0
    look_s: float = 2.0


class ReplyClock:
    """Follows one reply from the moment its request is sent; told what arrives, it says how long to wait on.

    `first_byte_s` replaces the usual limit, for a model that is being loaded. Times are monotonic readings.
    """

    def __init__(
        self, patience: Patience, *, now_s: float, deadline_s: float, first_byte_s: float | None = None
    ) -> None:
        self._patience = patience
        self._deadline_s = deadline_s
        self._started_s = now_s
        self._first_byte_s = patience.first_byte_s if first_byte_s is None else first_byte_s
        self._first_sign_s: float | None = None
        self._first_event_s: float | None = None
        self._last_event_s = now_s
        self._events = 0

    def saw_byte(self, now_s: float) -> None:
        """Something arrived, if only a status line or a comment."""
        if self._first_sign_s is None:
            self._first_sign_s = now_s

    def saw_events(self, count: int, now_s: float) -> None:
        """Whole pieces of the reply arrived. Comments and halves of pieces do not count."""
        if self._first_event_s is None:
            self._first_event_s = now_s
        self._last_event_s = now_s
        self._events += count

    def wait_s(self, now_s: float) -> float:
        """How long the next bytes may take; zero or less when some clock has run out."""
        return self._limit()[0] - now_s

    def what_ran_out(self) -> str:
        """The sentence for the clock that runs out first."""
        return self._limit()[1]

    def ends_at_deadline(self) -> bool:
        """Whether that clock is the caller's own deadline."""
        return self._limit()[0] >= self._deadline_s

    def _limit(self) -> tuple[float, str]:
        patience = self._patience
        limits = [(self._deadline_s, "the time for this attempt was over before the reply was whole.")]
        if self._first_sign_s is None:
            at_s = self._started_s + self._first_byte_s
            limits.append((at_s, f"no byte of a reply came within {self._first_byte_s:.3g} s."))
        elif self._first_event_s is None:
            at_s = self._first_sign_s + patience.first_event_s
            limits.append(
                (at_s, f"the reply began, but its first words did not come in {patience.first_event_s:.3g} s.")
            )
        else:
            at_s = self._last_event_s + patience.idle_s
            limits.append((at_s, f"the reply stopped coming for {patience.idle_s:.3g} s."))
            at_s = self._first_event_s + patience.idle_s + self._events * patience.per_token_s
            limits.append((at_s, f"the reply came slower than one piece in {patience.per_token_s:.3g} s."))
        return min(limits)
