"""A router at work: conditions first, then a decision remembered, then its model, and by default when in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from amalfa.calls import Answer, Call, Judged, Prompt, Tier
from amalfa.errors import AmalfaError, Unserved, UsageProblem
from amalfa.pipelines.account import Account
from amalfa.pipelines.asking import Asker
from amalfa.pipelines.choosing import (
    Decided,
    Decisions,
    TargetReader,
    by_rules,
    decision_key,
    default_of,
    question_for,
    schema_of,
)
from amalfa.pipelines.conditions import Values
from amalfa.pipelines.graph import Node, Pipeline
from amalfa.pipelines.prompts import earlier_of

ROUTER_MAX_TOKENS = 300
"""A name in JSON takes twenty; models that think aloud need the rest, and the executor doubles it where it is short."""


@dataclass(frozen=True, slots=True)
class Router:
    """Chooses for one call in one pipeline."""

    pipeline: Pipeline
    call: Call
    asker: Asker
    account: Account
    decisions: Decisions

    async def choose(self, node: Node, question: str, values: Values) -> Node:
        """Where `node` sends the request. Never fails for want of an answer; writes down why it chose so.

        Raises UsageProblem for a call that cannot be planned at all.
        """
        targets = self.pipeline.targets(node)
        ruled = by_rules(targets, values, has_model=bool(node.model))
        note = f"; {ruled.undecided}" if ruled.undecided else ""
        if ruled.taken is not None:
            self.account.note(node, "route", decided=ruled.decided + note)
            return ruled.taken
        return await self._by_model(node, question, ruled.open, note)

    async def _by_model(self, node: Node, question: str, targets: Sequence[Node], note: str) -> Node:
        messages = question_for(node, targets, question, earlier_of(self.call.prompt))
        key = decision_key(self.pipeline.content, node, messages)
        kept = self.decisions.find(key)
        if kept is not None and (target := _of(targets, kept.target)):
            self.account.note(node, "route", decided=f"as before: {kept.said_by}{note}")
            return target
        reader = TargetReader(targets)
        prompt = replace(
            self.call.prompt,
            messages=messages,
            max_tokens=node.max_tokens or ROUTER_MAX_TOKENS,
            temperature=0.0 if node.temperature is None else node.temperature,
            schema=schema_of(targets),
            tools=None,
            may_be_cut=False,
        )
        try:
            answer = await self._asked(node, prompt, reader)
        except UsageProblem:
            raise
        except AmalfaError as error:
            why = reader.trouble or f"failed ({error.code})"
            return self._default(node, targets, f"the router {why}", note, outcome=error.code)
        target = _of(targets, answer.value)
        if answer.route.tier is Tier.EMBEDDED or target is None:
            self.account.served(answer)
            return self._default(node, targets, "no model could route", note)
        said_by = f"router said {target.name}"
        self.decisions.keep(key, Decided(target.name, said_by))
        self.account.served(answer)
        self.account.add(node, "route", answer, decided=said_by + note)
        return target

    async def _asked(self, node: Node, prompt: Prompt, reader: TargetReader) -> Answer[str]:
        """The model's reply; in words alone when it is the schema that keeps it from being asked."""
        plain = replace(prompt, schema=None)
        if node.model in self.decisions.without_schema:
            return await self._counted(node, plain, reader)
        try:
            answer = await self._counted(node, prompt, reader)
        except Unserved as error:
            if error.route is None or not _cannot_json(error.route.candidates, node.model):
                raise
        else:
            if not _cannot_json(answer.route.candidates, node.model):
                return answer
            # Another model has stood in for the one that was written down only because of the form of the reply.
            self.account.served(answer)
        self.decisions.without_schema.add(node.model)
        return await self._counted(node, plain, reader)

    async def _counted(self, node: Node, prompt: Prompt, reader: TargetReader) -> Answer[str]:
        try:
            return await self.asker.ask(node, prompt, reader)
        except AmalfaError as error:
            self.account.failed(error)
            raise

    def _default(self, node: Node, targets: Sequence[Node], why: str, note: str, *, outcome: str = "ok") -> Node:
        target = default_of(self.pipeline.targets(node))
        target = target if target.is_default else default_of(targets)
        self.account.note(node, "route", decided=f"default: {why}, {target.name} is taken{note}", outcome=outcome)
        return target


def _of(targets: Sequence[Node], name: str) -> Node | None:
    return next((target for target in targets if target.name == name), None)


def _cannot_json(candidates: Sequence[Judged], model: str) -> bool:
    """Whether the model was left out for want of JSON alone."""
    return any(one.code == "no_json" and one.model == model for one in candidates)
