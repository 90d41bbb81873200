"""What a host takes next, over a hand-driven clock: the schedule is told what happens, and nothing else happens."""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalfa.calls import Lane
from amalfa.providers.host_schedule import FAIR_LOADS, FAIR_WAIT_S, TURN_LOADS, HostSchedule, Ticket
from amalfa.providers.slot_count import SlotCount, fixed

LOAD_S = 5.0
WORK_S = 0.5


@dataclass(frozen=True)
class Arrival:
    at_s: float
    runner: str
    lane: Lane = "background"
    prefix: str = ""


@dataclass
class Played:
    """What became of each arrival, by its number."""

    started_s: dict[int, float] = field(default_factory=dict)
    arrivals: dict[int, Arrival] = field(default_factory=dict)
    order: list[Arrival] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    ended_s: float = 0.0
    busy_most: int = 0

    def waits_s(self, lane: Lane) -> list[float]:
        return [self.started_s[number] - one.at_s for number, one in self.arrivals.items() if one.lane == lane]


class _Host:
    """A host that holds `room` models and takes LOAD_S to load one; its events lie ahead in a heap."""

    def __init__(self, schedule: HostSchedule, *, room: int, work_s: float) -> None:
        self.played = Played()
        self._schedule = schedule
        self._room = room
        self._work_s = work_s
        self._resident: dict[str, None] = {}
        self._running: dict[int, Ticket] = {}
        self._events: list[tuple[float, int, str]] = []

    def expect(self, number: int, one: Arrival) -> None:
        self.played.arrivals[number] = one
        heapq.heappush(self._events, (one.at_s, number, "arrive"))

    def run(self) -> None:
        while self._events:
            now_s, number, what = heapq.heappop(self._events)
            self._tell(now_s, number, what)
            for ticket in self._schedule.start(now_s):
                self._serve(ticket, now_s)
            self._look_again(now_s)

    def _tell(self, now_s: float, number: int, what: str) -> None:
        if what == "arrive":
            one = self.played.arrivals[number]
            self._schedule.arrive(Ticket(number, one.runner, one.lane, now_s, one.prefix))
        elif what == "end":
            self._schedule.end(self._running.pop(number), now_s, is_good=True)
            self.played.ended_s = now_s
        elif what == "loaded":
            self._schedule.loaded(self._running[number].runner, LOAD_S, tuple(self._resident))

    def _serve(self, ticket: Ticket, now_s: float) -> None:
        played = self.played
        self._running[ticket.number] = ticket
        played.started_s[ticket.number] = now_s
        played.order.append(played.arrivals[ticket.number])
        played.busy_most = max(played.busy_most, len(self._running))
        ready_s = now_s
        if ticket.runner not in self._resident:
            self._push_out()
            self._resident[ticket.runner] = None
            played.loads.append(ticket.runner)
            ready_s += LOAD_S
            heapq.heappush(self._events, (ready_s, ticket.number, "loaded"))
        heapq.heappush(self._events, (ready_s + self._work_s, ticket.number, "end"))

    def _push_out(self) -> None:
        while len(self._resident) >= self._room:
            gone = next(iter(self._resident))
            assert gone not in {one.runner for one in self._running.values()}, "a model in use was pushed out"
            del self._resident[gone]

    def _look_again(self, now_s: float) -> None:
        again_s = self._schedule.look_again_s(now_s)
        next_s = self._events[0][0] if self._events else float("inf")
        if again_s is not None and again_s < next_s:
            heapq.heappush(self._events, (again_s, -1, "look"))
        elif not self._events:
            assert not self._schedule.waiting(), "calls wait and nothing will ever wake them"


def play(arrivals: Iterable[Arrival], schedule: HostSchedule, *, room: int = 1, work_s: float = WORK_S) -> Played:
    """Serve all arrivals."""
    host = _Host(schedule, room=room, work_s=work_s)
    for number, one in enumerate(arrivals):
        host.expect(number, one)
    host.run()
    assert len(host.played.started_s) == len(host.played.arrivals), "nobody is forgotten"
    return host.played


def in_order_of_arrival(arrivals: Sequence[Arrival]) -> tuple[int, float]:
    """Loads and seconds of a host that serves whoever came first."""
    loads, seconds, resident = 0, 0.0, ""
    for one in arrivals:
        if one.runner != resident:
            loads, seconds, resident = loads + 1, seconds + LOAD_S, one.runner
        seconds += WORK_S
    return loads, seconds


def test_mixed_work_on_two_models_is_served_group_by_group() -> None:
    mixed = [Arrival(0.0, "AB"[number % 2]) for number in range(40)]
    played = play(mixed, HostSchedule(fixed(1)))
    loads, seconds = in_order_of_arrival(mixed)
    assert len(played.loads) <= loads / 5
    assert seconds >= 3 * played.ended_s


def test_the_swaps_avoided_are_told() -> None:
    schedule = HostSchedule(fixed(1))
    play([Arrival(0.0, "AB"[number % 2]) for number in range(40)], schedule)
    assert (schedule.swaps.made, schedule.swaps.avoided) == (1, 38)


def test_steady_work_on_one_model_does_not_starve_another() -> None:
    steady = [Arrival(number * WORK_S, "A") for number in range(400)]
    lonely = Arrival(3.0, "B")
    played = play(sorted([*steady, lonely], key=lambda one: one.at_s), HostSchedule(fixed(1)))
    wait_s = next(played.started_s[number] - 3.0 for number, one in played.arrivals.items() if one.runner == "B")
    assert wait_s <= max(FAIR_WAIT_S["background"], FAIR_LOADS["background"] * LOAD_S)


def test_steady_questions_of_people_do_not_starve_a_job_either() -> None:
    steady = [Arrival(number * WORK_S, "A", "interactive") for number in range(400)]
    job = [Arrival(1.0, "B") for _ in range(10)]
    played = play(sorted([*steady, *job], key=lambda one: one.at_s), HostSchedule(fixed(1)))
    first_s = min(played.started_s[number] for number, one in played.arrivals.items() if one.runner == "B")
    assert first_s - 1.0 <= max(FAIR_WAIT_S["background"], FAIR_LOADS["background"] * LOAD_S)


def test_a_turn_that_was_long_waited_for_is_long_enough_to_be_worth_its_swap() -> None:
    steady = [Arrival(number * WORK_S, "A", "interactive") for number in range(400)]
    job = [Arrival(1.0, "B") for _ in range(100)]
    played = play(sorted([*steady, *job], key=lambda one: one.at_s), HostSchedule(fixed(1)))
    first = next(number for number, one in enumerate(played.order) if one.runner == "B")
    turn = [one.runner for one in played.order[first : first + round(TURN_LOADS * LOAD_S / WORK_S)]]
    assert set(turn) == {"B"}


def test_a_question_gets_the_next_free_slot_before_all_background_work() -> None:
    job = [Arrival(0.0, "A") for _ in range(100)]
    question = Arrival(LOAD_S + 4.1, "A", "interactive")
    played = play([*job, question], HostSchedule(fixed(4)))
    assert max(played.waits_s("interactive")) <= WORK_S


def test_all_slots_are_kept_busy() -> None:
    played = play([Arrival(0.0, "A") for _ in range(400)], HostSchedule(fixed(4)))
    assert played.busy_most == 4
    assert 400 * WORK_S / 4 / (played.ended_s - LOAD_S) >= 0.95


def test_a_question_for_another_model_waits_for_what_runs_and_not_for_what_waits() -> None:
    job = [Arrival(0.0, "A") for _ in range(100)]
    question = Arrival(LOAD_S + 4.1, "B", "interactive")
    played = play([*job, question], HostSchedule(fixed(2)))
    assert max(played.waits_s("interactive")) <= WORK_S


def test_a_model_that_people_just_used_stays_for_their_next_question() -> None:
    questions = [Arrival(20.0 + 3 * number, "B", "interactive") for number in range(10)]
    job = [Arrival(0.0, "A") for _ in range(60)]
    played = play([*job, *questions], HostSchedule(fixed(1)))
    assert played.loads[:2] == ["A", "B"]
    assert len(played.loads) <= 5
    assert max(played.waits_s("interactive")) <= FAIR_WAIT_S["interactive"] + LOAD_S


def test_models_that_were_seen_in_memory_together_run_side_by_side() -> None:
    schedule = HostSchedule(fixed(1))
    play([Arrival(0.0, "A"), Arrival(0.0, "B")], schedule, room=2)
    started = []
    for number, runner in enumerate("AB"):
        schedule.arrive(Ticket(100 + number, runner, "background", 50.0))
        started += schedule.start(50.0)
    assert {ticket.runner for ticket in started} == {"A", "B"}


def test_models_that_no_longer_fit_together_make_way_for_each_other_again() -> None:
    schedule = HostSchedule(fixed(1))
    schedule.saw_resident(["A", "B"])
    schedule.saw_resident(["A"])
    schedule.arrive(Ticket(1, "B", "background", 0.0))
    assert schedule.start(0.0)
    schedule.loaded("B", LOAD_S, ["B"])
    schedule.arrive(Ticket(2, "A", "background", 1.0))
    assert schedule.start(1.0) == []


def test_a_new_beginning_of_a_prompt_is_read_once_and_then_shared() -> None:
    schedule = HostSchedule(fixed(4))
    for number in range(8):
        schedule.arrive(Ticket(number, "A", "background", 0.0, prefix="the task"))
    first = schedule.start(0.0)
    assert len(first) == 1
    schedule.end(first[0], 1.0, is_good=True)
    assert len(schedule.start(1.0)) == 4


def test_nobody_who_is_waited_for_is_held_back_for_a_cache() -> None:
    schedule = HostSchedule(fixed(4))
    for number in range(3):
        schedule.arrive(Ticket(number, "A", "interactive", 0.0, prefix="the task"))
    assert len(schedule.start(0.0)) == 3


def test_a_model_that_left_memory_has_no_prompts_cached() -> None:
    schedule = HostSchedule(fixed(2))
    schedule.arrive(Ticket(1, "A", "background", 0.0, prefix="the task"))
    schedule.end(schedule.start(0.0)[0], 1.0, is_good=True)
    schedule.saw_resident([])
    for number in (2, 3):
        schedule.arrive(Ticket(number, "A", "background", 2.0, prefix="the task"))
    assert len(schedule.start(2.0)) == 1


def test_a_host_that_refused_is_left_alone_for_a_while() -> None:
    schedule = HostSchedule(fixed(1))
    schedule.rest(5.0)
    schedule.arrive(Ticket(1, "A", "interactive", 0.0))
    assert schedule.start(4.9) == []
    assert schedule.look_again_s(4.9) == 5.0
    assert schedule.start(5.0)


def test_who_gives_up_is_not_started() -> None:
    schedule = HostSchedule(fixed(1))
    ticket = Ticket(1, "A", "interactive", 0.0)
    schedule.arrive(ticket)
    schedule.give_up(ticket)
    assert schedule.start(0.0) == []


@pytest.mark.parametrize("slots", [1, 4])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_comes_nobody_is_forgotten_and_no_model_has_more_calls_than_slots(
    slots: int, data: st.DataObject
) -> None:
    arrivals = data.draw(
        st.lists(
            st.builds(
                Arrival,
                st.floats(0, 60),
                st.sampled_from("ABC"),
                st.sampled_from(["interactive", "background"]),
                st.sampled_from(["", "one", "two"]),
            ),
            max_size=60,
        )
    )
    arrivals.sort(key=lambda one: one.at_s)
    room = data.draw(st.integers(1, 3))
    schedule = HostSchedule(fixed(slots))
    counted = Counter[str]()
    whole_start = schedule.start

    def start(now_s: float) -> list[Ticket]:
        started = whole_start(now_s)
        for ticket in started:
            counted[ticket.runner] = schedule.beside(ticket) + 1
            assert counted[ticket.runner] <= slots
        return started

    schedule.start = start  # type: ignore[method-assign]  # looks on, changes nothing
    play(arrivals, schedule, room=room)


def test_the_number_of_slots_is_found_by_trying_one_more_until_somebody_waits() -> None:
    count = SlotCount()
    for _ in range(20):
        beside = count.most - 1
        waited_s = 0.0 if beside < 4 else 1.0
        count = count.after(beside=beside, waited_s=waited_s, worked_s=1.0)
    assert count.most == 4


def test_a_refusal_halves_what_may_run() -> None:
    assert SlotCount(most=8).after_refusal(8).most == 4
    assert SlotCount(most=1).after_refusal(1).most == 1


def test_what_the_configuration_says_is_not_learnt_away() -> None:
    assert fixed(2).after(beside=1, waited_s=9.0, worked_s=1.0).after_refusal(2) == fixed(2)
