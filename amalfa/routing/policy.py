"""Orders the models that may serve a call. Does no I/O, reads no clock, logs nothing. Same input, same plan.

First every rule that forbids (`forbidden`), which `survey` settles once for calls of one kind; then, in
`decide`, what the moment adds: who is up, how long the prompt is, what may still be spent, how fast models were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from amalfa.calls import Judged, Tier
from amalfa.routing.candidate import Candidate, Standing
from amalfa.routing.forbidden import forbidden
from amalfa.routing.order import LOAD_MS, Order, expected_ms, order_of, ranks_of, usual_key
from amalfa.routing.plan import Cap, Entry, Plan, Size
from amalfa.routing.rules import Moment, Need, Rules
from amalfa.routing.seats import Seat, seat_of, wanted


@dataclass(frozen=True, slots=True)
class Survey:
    """What is settled for one kind of call. `leading` were named by the call or its task and come first."""

    need: Need
    rules: Rules
    order: Order
    leading: tuple[Seat, ...]
    rest: tuple[Seat, ...]
    refused: tuple[Judged, ...]
    cap: Cap | None


def make_plan(need: Need, rules: Rules, candidates: Sequence[Candidate], moment: Moment | None = None) -> Plan:
    """Judge every candidate and order those that may serve."""
    return decide(survey(need, rules, candidates), moment or Moment())


def survey(need: Need, rules: Rules, candidates: Sequence[Candidate]) -> Survey:
    """Settle what does not depend on the moment."""
    order = order_of(need, rules)
    leading: list[Candidate] = []
    rest: list[Candidate] = []
    refused: list[Judged] = []
    first = {**ranks_of(need.task_models), **ranks_of(need.asked_models)}
    for candidate in candidates:
        if judged := forbidden(candidate, need, rules):
            refused.append(wanted(judged, need))
        else:
            (leading if candidate.model in first else rest).append(candidate)
    leading.sort(key=lambda candidate: (candidate.model not in need.asked_models, first[candidate.model]))
    rest.sort(key=lambda candidate: usual_key(candidate, order))
    refused.sort(key=lambda judged: judged.model)
    return Survey(
        need,
        rules,
        order,
        tuple(seat_of(candidate, need, rules, order) for candidate in leading),
        tuple(seat_of(candidate, need, rules, order) for candidate in rest),
        tuple(refused),
        _cap(need, rules),
    )


def decide(known: Survey, moment: Moment) -> Plan:
    """The plan of one call. Takes microseconds; see `benchmarks`."""
    seats = _in_order(known, moment)
    refused: list[Judged] = []
    if not known.rules.preferences.fallback_to_cloud:
        seats = _without_cloud_behind_local(seats, known, refused)
    if not known.rules.fallback:
        seats = _only_first(seats, known, moment, refused)
    planned: list[Seat] = []
    over: list[tuple[int, Judged, bool]] = []
    size, money = moment.size, _money(known, moment)
    spendable = money.usd * 1_000_000 if money else float("inf")
    standing_of, needed = moment.standings.get, size.likely_in + size.most_out
    most_in, most_out = size.most_in, size.most_out
    for seat in seats:
        standing = standing_of(seat.name)
        if standing is not None and standing.availability not in MAY_BE_TRIED:
            refused.append(_unavailable(seat, standing))
        elif needed > seat.context_tokens:
            refused.append(_too_short(seat, needed))
        elif seat.most_in * most_in + seat.most_out * most_out > spendable and money:
            over.append((len(planned), _over(seat, size, money), _is_budget(money)))
        else:
            planned.append(seat)
    refused.extend(judged for _, judged, _ in over)
    return _plan(known, moment, planned, refused, over)


MAY_BE_TRIED = frozenset({"ready", "unknown"})
_CODES = {
    "missing": "not_installed",
    "down": "unreachable",
    "no_key": "no_key",
    "parked": "parked",
    "unconfigured": "unknown_provider",
    "broken": "breaker_open",
    "cooling": "cooling",
    "free_limit": "free_limit",
}


def _plan(
    known: Survey, moment: Moment, planned: list[Seat], refused: list[Judged], over: list[tuple[int, Judged, bool]]
) -> Plan:
    over_budget = ""
    # "refuse" means: rather nothing than a second choice. Otherwise money is the reason only when nobody is left.
    is_final = known.rules.on_limit == "refuse" and bool(over) and over[0][0] == 0 and over[0][2]
    if not planned or is_final:
        over_budget = _why_over_budget(over, known)
    if is_final:
        refused.extend(_refuse(seat, "over_budget", "a limit is reached, and onLimit is refuse") for seat in planned)
        planned = []
    entries = tuple([seat.entry for seat in planned])
    verdicts = (*[seat.planned for seat in planned], *refused, *known.refused)
    if entries and known.order.strategy == "speed_first" and planned[0] not in known.leading:
        entries = (_timed(planned[0], moment), *entries[1:])
    return Plan(
        entries, verdicts, known.order.name, moment.size, known.cap, known.rules.on_limit, over_budget=over_budget
    )


def _is_budget(money: Cap) -> bool:
    """Whether it is a budget's limit, for which `onLimit` says what happens, and not the call's own or a preference."""
    return ".budget." in money.name


def _why_over_budget(over: list[tuple[int, Judged, bool]], known: Survey) -> str:
    """The sentence for the first model that money ruled out; "" when money ruled out none."""
    unpriced = [judged for judged in known.refused if judged.code == "price_unknown"]
    found = next((judged for judged in (*(one for _, one, _ in over), *unpriced)), None)
    return f"{found.model}: {found.detail}" if found else ""


def _in_order(known: Survey, moment: Moment) -> Sequence[Seat]:
    rest: Sequence[Seat] = known.rest
    if known.order.depends_on_moment and len(rest) > 1:
        # `rest` stands in its usual order already, and sorting keeps it among equals.
        scores = _scores(rest, known.order, moment)
        rest = [rest[at] for at in sorted(range(len(rest)), key=scores.__getitem__)]
    return (*known.leading, *rest) if known.leading else rest


def _scores(seats: Sequence[Seat], order: Order, moment: Moment) -> Sequence[float] | Sequence[tuple[float, ...]]:
    """What to sort by: tier, then cost or quality if the strategy goes by it, then speed if that is wanted.

    Whole lists at a time, because a function called for each of fifty models takes half of a decision's time, and
    one number for tier and score, because tuples take twice as long to sort.
    """
    tokens_in, tokens_out = moment.size.likely_in, moment.size.most_out
    if order.strategy == "speed_first":
        return [seat.place * TIER + ms for seat, ms in zip(seats, _expected_ms(seats, moment), strict=True)]
    if order.strategy == "cost_optimized":
        scores = [seat.place * TIER + seat.likely_in * tokens_in + seat.likely_out * tokens_out for seat in seats]
    else:
        scores = [seat.place * TIER + seat.ties for seat in seats]
    if not order.is_faster_first:
        return scores
    return [(score, ms) for score, ms in zip(scores, _expected_ms(seats, moment), strict=True)]


# Further apart than any two scores of one tier: milliseconds of a call, or millionths of a dollar, unknown prices too.
TIER = 1e15


def _expected_ms(seats: Sequence[Seat], moment: Moment) -> list[float]:
    measured, loaded = moment.latency_ms.get, moment.loaded
    return [
        measured(seat.name, seat.usual_ms) + (LOAD_MS if seat.is_loaded_first and seat.name not in loaded else 0.0)
        for seat in seats
    ]


def _money(known: Survey, moment: Moment) -> Cap | None:
    """The least of what the call may cost and of what may still be spent."""
    caps = [cap for cap in (known.cap, moment.spendable) if cap is not None]
    return min(caps, key=lambda cap: cap.usd, default=None)


def _over(seat: Seat, size: Size, money: Cap) -> Judged:
    cost_usd = seat.entry.most_usd(size) or 0.0
    detail = f"it may cost up to ${cost_usd:.4f}, and {money.name} leaves ${max(money.usd, 0):.4f}"
    return _refuse(seat, "over_budget", detail)


def _cap(need: Need, rules: Rules) -> Cap | None:
    wish, preferred = need.wish.max_cost_usd, rules.preferences.max_cost
    caps = [rules.cap] if rules.cap else []
    caps += [Cap(preferred, "sonar.routing.preferences.maxCost")] if preferred is not None else []
    caps += [Cap(wish, "the call's own limit")] if wish is not None else []
    return min(caps, key=lambda cap: cap.usd, default=None)


def _unavailable(seat: Seat, standing: Standing) -> Judged:
    return _refuse(seat, _CODES[standing.availability], standing.detail)


def _too_short(seat: Seat, tokens: int) -> Judged:
    detail = f"prompt and reply need about {tokens} tokens, and it takes {seat.candidate.context_tokens}"
    return _refuse(seat, "context_too_short", detail)


def _refuse(seat: Seat, code: str, detail: str) -> Judged:
    return _judged(seat.name, code, detail, seat.planned.is_wanted)


@lru_cache(maxsize=1024)
def _judged(name: str, code: str, detail: str, is_wanted: bool) -> Judged:
    # The same model is refused for the same reason call after call, and making the row anew takes longer.
    return Judged(name, "refused", code, detail, is_wanted)


def _is_chosen(seat: Seat, known: Survey) -> bool:
    """Whether the seat is more than the engine at the end of every plan."""
    is_engine_first = known.order.tiers is not None and known.order.tiers[0] is Tier.EMBEDDED
    return seat.candidate.tier is not Tier.EMBEDDED or seat in known.leading or is_engine_first


def _may_be_tried(seat: Seat, moment: Moment) -> bool:
    standing = moment.standings.get(seat.name)
    return standing is None or standing.availability in MAY_BE_TRIED


def _without_cloud_behind_local(seats: Sequence[Seat], known: Survey, refused: list[Judged]) -> Sequence[Seat]:
    """Leave out clouds that would only stand in for a local model."""
    kept = list(known.leading)
    has_local = any(seat.entry.tier is Tier.LOCAL for seat in kept)
    for seat in seats[len(known.leading) :]:
        if has_local and seat.candidate.is_cloud:
            refused.append(_refuse(seat, "no_cloud_fallback", "fallbackToCloud is false"))
        else:
            kept.append(seat)
        has_local = has_local or seat.entry.tier is Tier.LOCAL
    return kept


def _only_first(seats: Sequence[Seat], known: Survey, moment: Moment, refused: list[Judged]) -> Sequence[Seat]:
    """Keep one model. Choosing the first *installed* one of several local models is a choice, no fallback."""
    real = [seat for seat in seats if _is_chosen(seat, known)]
    if not real:
        # Where the configuration allows nothing but the engine, it is the one model and no fallback.
        return seats
    head = real[0]
    is_usual_model = head not in known.leading and not known.order.is_chain and head.entry.tier is Tier.LOCAL
    if is_usual_model and (standing := moment.standings.get(head.name)) and standing.availability == "missing":
        siblings = (seat for seat in real if seat.entry.tier is Tier.LOCAL and _may_be_tried(seat, moment))
        head = next(siblings, head)
    refused.extend(
        _refuse(seat, "no_fallback", "sonar.routing.fallback is false") for seat in seats if seat is not head
    )
    return [head]


def _timed(seat: Seat, moment: Moment) -> Entry:
    """The head of a plan that was made for speed says how fast it is taken to be."""
    how = "measured" if seat.name in moment.latency_ms else "not measured yet"
    taken_s = expected_ms(seat.candidate, moment) / 1000
    return seat.entry.because(f"{seat.entry.reason}: about {taken_s:.1f} s ({how})")
