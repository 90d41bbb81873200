"""What both simulators count: how much runs at one time, and setting counts back."""

from dataclasses import MISSING, dataclass, fields


@dataclass(slots=True)
class Counters:
    """`most_in_flight` is the highest number of generations under way at one time."""

    in_flight: int = 0
    most_in_flight: int = 0

    def enter(self) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def leave(self) -> None:
        self.in_flight -= 1

    def reset(self) -> None:
        """Set every count back; what is in flight stays counted as in flight."""
        for entry in fields(self):
            if entry.name != "in_flight":
                setattr(
                    self, entry.name, entry.default if entry.default_factory is MISSING else entry.default_factory()
                )
        self.most_in_flight = self.in_flight
