"""One node's question to the inner executor: under the outer call's rules, within what is left of time and money."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from amalfa.calls import Answer, Call, Prompt, Tier
from amalfa.clock import Clock
from amalfa.errors import OutOfTime
from amalfa.execution.reading import Read
from amalfa.execution.steps import Chosen, Delta, Emit, Step, ToolDelta
from amalfa.pipelines.account import Account
from amalfa.pipelines.conditions import Values
from amalfa.pipelines.graph import Node, Pipeline
from amalfa.tasks.desk import Executes

T = TypeVar("T")

FREE_MARK = ":free"
"""How OpenRouter marks the variant of a model that costs nothing."""

Now = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Around:
    """What a call in a pipeline works with. `generation` is the number of the configuration in force."""

    executor: Executes
    clock: Clock
    generation: int = 0
    now: Now = time.time


class Ear:
    """Passes on what happens and remembers whether the listener has heard any of the answer.

    While `is_for_models` is set, the text of the engine without a model is held back, as it cannot improve a draft.
    """

    def __init__(self, emit: Emit) -> None:
        self.was_heard = False
        self.is_for_models = False
        self._is_mute = False
        self._emit = emit

    async def __call__(self, step: Step) -> None:
        if isinstance(step, Chosen):
            self._is_mute = self.is_for_models and step.tier is Tier.EMBEDDED
        if isinstance(step, Delta | ToolDelta):
            if self._is_mute and self.is_for_models:
                return
            self.was_heard = True
        await self._emit(step)


class Asker:
    """Asks for the nodes of one call. Every question is the outer call's: its id, privacy, team and deadline."""

    def __init__(self, around: Around, pipeline: Pipeline, call: Call, account: Account, ear: Ear) -> None:
        self._around = around
        self._pipeline = pipeline
        self._call = call
        self._account = account
        self._ear = ear
        self._started_s = around.clock.monotonic_s()

    async def ask(
        self,
        node: Node,
        prompt: Prompt,
        read: Read[T],
        *,
        is_live: bool = False,
        share: float = 1.0,
        chosen: list[Chosen] | None = None,
    ) -> Answer[T]:
        """Ask the node's model. `share` is how much of the remaining money it may spend at most.

        The models that are asked are added to `chosen` as they are.

        Raises what `Executor.ask` and `tell` raise, and OutOfTime when nothing is left of the call's time.
        """
        executor = self._around.executor
        call = self._derived(node, prompt, share)

        async def hear(step: Step) -> None:
            if chosen is not None and isinstance(step, Chosen):
                chosen.append(step)
            await self._ear(step)

        return await (executor.tell if is_live else executor.ask)(call, hear, read=read)

    def left_s(self) -> float:
        return self._call.deadline_s - self._around.clock.monotonic_s()

    def ms(self) -> int:
        """How long the call has been in the pipeline."""
        return round((self._around.clock.monotonic_s() - self._started_s) * 1000)

    def values(self, node: Node | None, question: str) -> Values:
        """What conditions can name, as seen from the node that decides; None before the first one."""
        return {
            "WORD_COUNT": float(len(question.split())),
            "INPUT_LENGTH": float(len(question)),
            "INPUT": question,
            "HOP_COUNT": float(self._account.passed),
            "CURRENT_LAYER": float(node.layer if node else self._pipeline.entry.layer),
            "PREV_NODE": node.name if node else "",
            "REQUEST_ID": self._call.request_id,
            "TIMESTAMP": self._around.now(),
        }

    def _derived(self, node: Node, prompt: Prompt, share: float) -> Call:
        left_s = self.left_s()
        if left_s <= 0:
            message = f'The pipeline {self._pipeline.name} ran out of time before its node "{node.name}".'
            raise OutOfTime(message, hint="allow more time with --timeout")
        deadline_s = self._call.deadline_s
        if node.timeout_s is not None:
            deadline_s = min(deadline_s, self._around.clock.monotonic_s() + node.timeout_s)
        if node.kind == "router":
            # A router that does not answer must leave time for the one that would.
            deadline_s = min(deadline_s, self._around.clock.monotonic_s() + left_s / 2)
        wish = replace(self._call.wish, model=node.model or None, max_cost_usd=self._most_usd(node, share))
        return replace(self._call, prompt=prompt, deadline_s=deadline_s, wish=wish)

    def _most_usd(self, node: Node, share: float) -> float | None:
        """What the hop may cost. Who writes a free model wants to pay nothing, so no paid one stands in for it."""
        if node.model.endswith(FREE_MARK):
            return 0.0
        left_usd = self._account.left_usd()
        return None if left_usd is None else left_usd * share
