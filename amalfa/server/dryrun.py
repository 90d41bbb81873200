"""What the dry run is asked and what it says: types, and who has to give the answers. Decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from amalfa.calls import Lane, PrivacyClass, Wish
from amalfa.errors import UsageProblem
from amalfa.execution.estimate import Estimate
from amalfa.routing.plan import Plan


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is only thought of: `prompt` as the one message of a user, under `task`'s settings.

    In the lane "background" it is one of a job, for which no engine without a model stands in.
    """

    prompt: str
    task: str
    wish: Wish
    privacy: PrivacyClass
    lane: Lane = "interactive"


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit on money that holds for a call, by the name of its setting, and what is left of it now."""

    name: str
    usd: float
    left_usd: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would be done with a call.

    `estimates` has one entry for each of the plan's, in its order. Where many calls are decided at once it has
    only the first of them, and `limits` is empty.
    """

    task: str
    plan: Plan
    estimates: tuple[Estimate, ...]
    limits: tuple[Allowance, ...]


Foreseen = Outlook | UsageProblem
"""A call that asks for a task, team or hint there is none of comes back as the problem, and the others are decided."""


class DryRun(Protocol):
    """Decides calls without making them."""

    async def decide(self, asked: Asked) -> Outlook:
        """What the configuration in force would do with the call now.

        Raises UsageProblem for a task, a team or a hint there is none of.
        """
        ...

    async def decide_many(self, asked: Sequence[Asked]) -> list[Foreseen]:
        """The same for each of many calls, in their order."""
        ...

    async def compare(self, asked: Sequence[Asked], against: Path) -> list[tuple[Foreseen, Foreseen]]:
        """What would be done with each call now, beside what the configuration file `against` would do.

        Raises InvalidConfig, with its problems, for a file that could not be in force.
        """
        ...
