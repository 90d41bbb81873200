"""Which waiting call a host takes next. Decides only: no I/O, no clock of its own, nothing awaited.

A host that holds one model swaps it for another in seconds, and what it had cached of prompts is lost. So calls are
grouped by what has to be in memory (`runner`): a group is served until nobody waits for it or until another group has
waited long enough. People come before background work, inside a group and in the choice of the next one.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from amalfa.calls import Lane
from amalfa.providers.slot_count import SlotCount

# After this long a group that waits gets the host's next turn, whoever else keeps coming; people wait less long.
FAIR_WAIT_S = {"interactive": 10.0, "background": 30.0}
# A swap that takes long is worth longer turns, counted in loads.
FAIR_LOADS = {"interactive": 2.0, "background": 6.0}
# A group that got its turn because it had waited so long keeps it for as many loads, or the swaps were for nothing.
TURN_LOADS = 2.0
# A model that people just used stays for as long as bringing it back would take: they may ask again.
LINGER_LOADS = 1.0
# For so long after their last call a model counts as one that people use.
OF_PEOPLE_S = 900.0
# How many beginnings of prompts a model is believed to have in its cache.
PREFIXES_KEPT = 64
# Until a load was measured.
USUAL_LOAD_S = 5.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """One call that wants a place.

    `runner` names what has to be in memory for it: the model with its load-time options. `prefix` names the beginning
    that its prompt shares with others; "" where it is not worth keeping.
    """

    number: int
    runner: str
    lane: Lane
    arrived_s: float
    prefix: str = ""


@dataclass(slots=True)
class _Group:
    """What is known of one runner. `turn_ended_s` is when it last had to make way for another."""

    slots: SlotCount
    load_s: float | None = None
    turn_ended_s: float = float("-inf")
    people_left_s: float = float("-inf")
    displaced: frozenset[str] = frozenset()
    warm: OrderedDict[str, None] = field(default_factory=OrderedDict)

    @property
    def usual_load_s(self) -> float:
        return USUAL_LOAD_S if self.load_s is None else self.load_s


@dataclass(frozen=True, slots=True)
class SwapCounts:
    """Swaps made, and those that serving the calls in the order they came would have made besides."""

    made: int = 0
    avoided: int = 0


class HostSchedule:
    """The calls of one host: who waits, who runs, what is in memory. `slots` is what a model begins with."""

    def __init__(self, slots: SlotCount | None = None) -> None:
        self._first_slots = slots or SlotCount()
        self._waiting: dict[int, Ticket] = {}
        self._running: dict[int, Ticket] = {}
        self._groups: dict[str, _Group] = {}
        self._resident: set[str] = set()
        self._together: set[frozenset[str]] = set()
        self._turn: str | None = None
        self._turn_until_s = float("-inf")
        self._rests_until_s = float("-inf")
        self._swaps_made = 0
        self._swaps_in_order = 0
        self._last_arrived: str | None = None

    @property
    def running(self) -> int:
        return len(self._running)

    def waiting(self, lane: Lane | None = None) -> int:
        return sum(lane is None or ticket.lane == lane for ticket in self._waiting.values())

    @property
    def swaps(self) -> SwapCounts:
        return SwapCounts(self._swaps_made, max(self._swaps_in_order - self._swaps_made, 0))

    def slots_of(self, runner: str) -> SlotCount:
        return self._group(runner).slots

    def beside(self, ticket: Ticket) -> int:
        """How many other calls of the same runner run now."""
        return sum(other.runner == ticket.runner for other in self._running.values() if other is not ticket)

    def is_wanted(self, runner: str) -> bool:
        """Whether somebody waits for this runner, so that it should stay in memory."""
        return any(ticket.runner == runner for ticket in self._waiting.values())

    def is_of_people(self, runner: str, now_s: float) -> bool:
        """Whether people use this runner, now or a short while ago."""
        calls = (*self._running.values(), *self._waiting.values())
        is_asked = any(one.runner == runner and _is_people(one) for one in calls)
        return is_asked or now_s - self._group(runner).people_left_s < OF_PEOPLE_S

    def takes_at_once(self, ticket: Ticket, now_s: float) -> bool:
        """Whether a call that nobody has heard of yet would start without a wait."""
        if now_s < self._rests_until_s or not self._may_run(ticket.runner) or self._is_full(ticket.runner):
            return False
        if not self._waiting:
            return self._whose_turn({ticket.runner: [ticket]}, now_s) == ticket.runner
        # Those who wait may need another model, or be background work that lets people pass.
        first = self._whose_turn(self._wanted(), now_s)
        return _is_people(ticket) and not self.waiting("interactive") and first == ticket.runner

    def arrive(self, ticket: Ticket) -> None:
        """One more call wants a place."""
        self._waiting[ticket.number] = ticket
        last = self._last_arrived
        if last is not None and not self._fit_together(last, ticket.runner):
            self._swaps_in_order += 1
        self._last_arrived = ticket.runner

    def give_up(self, ticket: Ticket) -> None:
        """The call wants its place no more."""
        self._waiting.pop(ticket.number, None)

    def end(self, ticket: Ticket, now_s: float, *, is_good: bool) -> None:
        """A call that ran has ended; a good one leaves the beginning of its prompt in the runner's cache."""
        self._running.pop(ticket.number, None)
        if ticket.lane == "interactive":
            self._group(ticket.runner).people_left_s = now_s
        if is_good and ticket.prefix:
            self._warmed(ticket)

    def rest(self, until_s: float) -> None:
        """Start nothing before then: the host has said that it has too much to do."""
        self._rests_until_s = max(self._rests_until_s, until_s)

    def learn_slots(self, runner: str, slots: SlotCount) -> None:
        self._group(runner).slots = slots

    def loaded(self, runner: str, load_s: float, resident: Iterable[str] | None) -> None:
        """The runner was brought into memory, which took so long. `resident` is what is there now; None: unknown."""
        group = self._group(runner)
        group.load_s = load_s
        group.warm.clear()
        gone = group.displaced if resident is None else self._resident - set(resident) | group.displaced - set(resident)
        group.displaced = frozenset()
        self._swaps_made += bool(gone)
        self._together -= {frozenset((runner, other)) for other in gone}
        self._resident.add(runner)
        if resident is not None:
            self.saw_resident((*resident, runner))

    def not_loaded(self, runner: str) -> None:
        """The runner could not be brought into memory, or has left it."""
        self._resident.discard(runner)

    def saw_resident(self, runners: Iterable[str]) -> None:
        """What is in memory, as the host says. Runners seen at one time need not make way for each other."""
        seen = set(runners)
        for gone in self._resident - seen:
            self._group(gone).warm.clear()
        self._resident = seen
        self._together |= {frozenset((one, other)) for one in seen for other in seen if one != other}

    def start(self, now_s: float) -> list[Ticket]:
        """The calls that get a place now, in order; they count as running from here on."""
        started: list[Ticket] = []
        while now_s >= self._rests_until_s and (ticket := self._next(now_s)) is not None:
            del self._waiting[ticket.number]
            self._running[ticket.number] = ticket
            self._make_room(ticket.runner)
            started.append(ticket)
        return started

    def look_again_s(self, now_s: float) -> float | None:
        """When `start` may decide otherwise although nothing has happened; None while nobody waits."""
        wanted = self._wanted()
        due = [self._fair_s(runner, tickets) for runner, tickets in wanted.items()]
        ends = [self._turn_until_s, self._rests_until_s, self._lingers_until_s()] if wanted else []
        return min((at_s for at_s in (*due, *ends) if at_s > now_s), default=None)

    def _next(self, now_s: float) -> Ticket | None:
        if not self._waiting:
            return None
        for runner in self._in_turn(now_s):
            if not self._may_run(runner):
                # Its turn has come and others still run: nobody else starts, so that they end.
                return None
            ticket = self._first_of(runner, now_s)
            if ticket is not None:
                self._take_turn(ticket, now_s)
                return ticket
        return None

    def _in_turn(self, now_s: float) -> Iterator[str]:
        """The runners that may start a call now, best first.

        The first is the one whose turn it is. Behind it come those that run beside it without a swap.
        """
        wanted = self._wanted()
        first = self._whose_turn(wanted, now_s)
        if first is None:
            return
        yield first
        for runner in wanted:
            if runner != first and self._fit_together(runner, first) and self._may_run(runner):
                yield runner

    def _whose_turn(self, wanted: dict[str, list[Ticket]], now_s: float) -> str | None:
        """The runner that is served now; None while the one in memory is kept for the people who just used it."""
        overdue = {runner: self._fair_s(runner, tickets) for runner, tickets in wanted.items() if runner != self._turn}
        if self._turn in wanted and now_s < self._turn_until_s:
            return self._turn
        if overdue and min(overdue.values()) <= now_s:
            return min(overdue, key=overdue.__getitem__)
        choice = [runner for runner, tickets in wanted.items() if any(map(_is_people, tickets))]
        if not choice and self._turn not in wanted and now_s < self._lingers_until_s():
            return next((runner for runner in wanted if self._fits_turn(runner)), None)
        choice = choice or list(wanted)
        if self._turn in choice:
            return self._turn
        resident = [runner for runner in choice if runner in self._resident]
        return min(resident or choice, key=lambda runner: wanted[runner][0].number)

    def _fits_turn(self, runner: str) -> bool:
        return self._turn is None or self._fit_together(runner, self._turn)

    def _lingers_until_s(self) -> float:
        if self._turn is None or self._turn not in self._resident:
            return float("-inf")
        group = self._group(self._turn)
        return group.people_left_s + LINGER_LOADS * group.usual_load_s

    def _wanted(self) -> dict[str, list[Ticket]]:
        """The waiting calls by what they need, each list in the order of arrival."""
        found: dict[str, list[Ticket]] = {}
        for ticket in self._waiting.values():
            found.setdefault(ticket.runner, []).append(ticket)
        return found

    def _fair_s(self, runner: str, tickets: list[Ticket]) -> float:
        """When this group has waited long enough. Chosen a load earlier, it is in memory by then."""
        group = self._group(runner)
        load_s = group.usual_load_s
        bounds = (
            max(ticket.arrived_s, group.turn_ended_s) + max(FAIR_WAIT_S[ticket.lane], FAIR_LOADS[ticket.lane] * load_s)
            for ticket in (next(filter(_is_people, tickets), None), tickets[0])
            if ticket is not None
        )
        return min(bounds) - load_s

    def _may_run(self, runner: str) -> bool:
        """Whether nothing that runs would have to leave memory for it."""
        return all(self._fit_together(runner, other.runner) for other in self._running.values())

    def _fit_together(self, one: str, other: str) -> bool:
        return one == other or frozenset((one, other)) in self._together

    def _is_full(self, runner: str) -> bool:
        running = sum(one.runner == runner for one in self._running.values())
        return running >= self._group(runner).slots.most

    def _first_of(self, runner: str, now_s: float) -> Ticket | None:
        """The next call of a group, when it has a slot free."""
        if self._is_full(runner):
            return None
        tickets = [one for one in self._waiting.values() if one.runner == runner and not self._is_held(one)]
        return min(tickets, key=lambda one: self._rank(one, now_s), default=None)

    def _is_held(self, ticket: Ticket) -> bool:
        """Whether it waits for a call with the same beginning, which the host then need not read again.

        Nobody is held who is waited for.
        """
        if ticket.lane == "interactive" or not ticket.prefix or ticket.prefix in self._group(ticket.runner).warm:
            return False
        return any(one.prefix == ticket.prefix and one.runner == ticket.runner for one in self._running.values())

    def _rank(self, ticket: Ticket, now_s: float) -> tuple[bool, bool, bool, int]:
        is_overdue = now_s - ticket.arrived_s >= FAIR_WAIT_S[ticket.lane]
        is_cold = ticket.prefix not in self._group(ticket.runner).warm
        return ticket.lane != "interactive", not is_overdue, is_cold, ticket.number

    def _take_turn(self, ticket: Ticket, now_s: float) -> None:
        runner = ticket.runner
        if self._turn == runner or (self._turn is not None and self._fits_turn(runner)):
            return
        is_overdue = self._fair_s(runner, [ticket]) <= now_s
        if self._turn is not None:
            self._group(self._turn).turn_ended_s = now_s
        self._turn = runner
        self._turn_until_s = now_s + (1 + TURN_LOADS) * self._group(runner).usual_load_s if is_overdue else now_s

    def _make_room(self, runner: str) -> None:
        """Believe that whatever does not fit beside it has to leave, until the host says what is there."""
        if runner in self._resident:
            return
        group = self._group(runner)
        group.displaced = frozenset(one for one in self._resident if not self._fit_together(one, runner))
        for gone in group.displaced:
            self._group(gone).warm.clear()
        self._resident = self._resident - group.displaced | {runner}

    def _warmed(self, ticket: Ticket) -> None:
        warm = self._group(ticket.runner).warm
        warm[ticket.prefix] = None
        warm.move_to_end(ticket.prefix)
        if len(warm) > PREFIXES_KEPT:
            warm.popitem(last=False)

    def _group(self, runner: str) -> _Group:
        group = self._groups.get(runner)
        if group is None:
            group = self._groups[runner] = _Group(self._first_slots)
        return group


def _is_people(ticket: Ticket) -> bool:
    return ticket.lane == "interactive"
