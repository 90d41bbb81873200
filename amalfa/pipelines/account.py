"""Adds up what the hops of one call took: time, tokens, money, what left the machine, and the one route of them all."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from amalfa.calls import Answer, Attempt, Call, Hop, LeftMachine, Prompt, Route, Tier, Usage
from amalfa.errors import AmalfaError, Unserved
from amalfa.execution.report import CHARACTERS_PER_TOKEN
from amalfa.execution.steps import Chosen
from amalfa.pipelines.graph import Node, Pipeline

_TIERS = (Tier.EMBEDDED, Tier.LOCAL, Tier.CLOUD)
PROVIDER = "pipeline"

T = TypeVar("T")


class Account:
    """What happened so far to one call in one pipeline."""

    def __init__(self, pipeline: Pipeline, call: Call) -> None:
        self.hops: list[Hop] = []
        self.passed = 0
        self._pipeline = pipeline
        self._call = call
        self._routes: list[Route] = []
        self._usages: list[Usage] = []
        self._spent_usd = 0.0
        self._is_spent_unknown = False

    def served(self, answer: Answer[T]) -> None:
        """Count a hop that ended well."""
        self._routes.append(answer.route)
        self._usages.append(answer.usage)
        self._spend(answer.usage.cost_usd)

    def failed(self, error: AmalfaError) -> None:
        """Count what a hop that failed has taken all the same."""
        route = error.route if isinstance(error, Unserved) else None
        if route is None:
            return
        self._routes.append(route)
        usage = _of_attempts(route.attempts)
        self._usages.append(usage)
        self._spend(usage.cost_usd)

    def cut_off(self, chosen: Sequence[Chosen], prompt: Prompt) -> None:
        """Count models that were hung up on: what went to a cloud has left, and nobody says what it costs."""
        clouds = [str(one.model) for one in chosen if one.tier is Tier.CLOUD]
        if not chosen:
            return
        cost_usd = None if clouds else 0.0
        tokens = prompt.text_length // CHARACTERS_PER_TOKEN * len(clouds)
        left = LeftMachine(tuple(clouds), tokens, prompt.material.quoted_notes) if clouds else None
        attempts = tuple(Attempt(str(one.model), "cancelled", 0, cost_usd=cost_usd) for one in chosen)
        task, request_id = self._call.task, self._call.request_id
        # In front of the others, so that the last route stays that of a hop which came to its end.
        self._routes.insert(0, Route("", "", Tier.EMBEDDED, task, "", "", (), attempts, 0, request_id, left))
        self._usages.append(Usage(cost_usd=cost_usd))
        self._spend(cost_usd)

    def note(self, node: Node, does: str, *, decided: str = "", outcome: str = "ok", ms: int = 0) -> None:
        """Write down a hop at which no model was asked, or none came to an end."""
        self.hops.append(Hop(node.name, node.layer, does, "", outcome, ms, decided, 0, 0, 0.0))

    def add(self, node: Node, does: str, answer: Answer[T], *, decided: str = "") -> None:
        """Write down a hop at which a model answered."""
        usage = answer.usage
        hop = Hop(
            node.name,
            node.layer,
            does,
            answer.route.model,
            "ok",
            usage.ms,
            decided,
            usage.tokens_in,
            usage.tokens_out,
            usage.cost_usd,
        )
        self.hops.append(hop)

    def left_usd(self) -> float | None:
        """What is left of the most that the call may cost; None without such a limit.

        A cost that nobody knows counts as all of it, so that the limit holds.
        """
        most = self._call.wish.max_cost_usd
        if most is None:
            return None
        return 0.0 if self._is_spent_unknown else max(most - self._spent_usd, 0.0)

    def usage(self, ms: int) -> Usage:
        """The sum of all hops; the cost is None when that of any is unknown."""
        costs = [usage.cost_usd for usage in self._usages]
        known = [cost for cost in costs if cost is not None]
        return Usage(
            _sum(usage.tokens_in for usage in self._usages),
            _sum(usage.tokens_out for usage in self._usages),
            sum(known) if len(known) == len(costs) else None,
            ms,
        )

    def route(self, last: Route | None, *, generation: int, left: LeftMachine | None = None) -> Route:
        """One route for the whole way; `last` is that of the final answer, `left` what hooks sent away."""
        final = last or (self._routes[-1] if self._routes else None)
        way = " → ".join(dict.fromkeys(hop.node for hop in self.hops if hop.outcome == "ok")) or "no node answered"
        tiers = [route.tier for route in self._routes if route.model]
        return Route(
            model=f"{PROVIDER}:{self._pipeline.name}",
            provider=PROVIDER,
            tier=max(tiers, key=_TIERS.index, default=Tier.EMBEDDED),
            task=self._call.task,
            strategy=final.strategy if final else "",
            reason=f"pipeline {self._pipeline.name}: {way}",
            candidates=final.candidates if final else (),
            attempts=tuple(attempt for route in self._routes for attempt in route.attempts),
            generation=final.generation if final else generation,
            request_id=self._call.request_id,
            left_machine=_left([*(route.left_machine for route in self._routes), left]),
            repairs=last.repairs if last else (),
            cache=last.cache if last else "off",
            hops=tuple(self.hops),
        )

    def blame(self, error: AmalfaError, *, generation: int, left: LeftMachine | None = None) -> AmalfaError:
        """The same failure with the route of the whole way, where it can carry one."""
        if isinstance(error, Unserved):
            error.route = replace(self.route(None, generation=generation, left=left), repairs=())
        return error

    def _spend(self, cost_usd: float | None) -> None:
        self._is_spent_unknown = self._is_spent_unknown or cost_usd is None
        self._spent_usd += cost_usd or 0.0


def _of_attempts(attempts: Sequence[Attempt]) -> Usage:
    costs = [one.cost_usd for one in attempts]
    known = [cost for cost in costs if cost is not None]
    return Usage(
        _sum(one.tokens_in for one in attempts),
        _sum(one.tokens_out for one in attempts),
        sum(known) if len(known) == len(costs) else None,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _left(parts: Sequence[LeftMachine | None]) -> LeftMachine | None:
    found = [part for part in parts if part is not None]
    if not found:
        return None
    return LeftMachine(
        to=tuple(dict.fromkeys(to for part in found for to in part.to)),
        tokens=sum(part.tokens for part in found),
        notes=tuple(dict.fromkeys(note for part in found for note in part.notes)),
        redactions=sum(part.redactions for part in found),
    )
