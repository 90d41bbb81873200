"""What is done at one node that writes: answer, refine, merge. Knows the node's neighbours, not the whole way."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from amalfa.calls import Answer, Call, Prompt, Tier
from amalfa.errors import AmalfaError, BrokenOff, CallError, OverBudget, Unserved
from amalfa.execution.reading import Read, Reading, unread
from amalfa.execution.steps import Phase
from amalfa.pipelines.account import Account
from amalfa.pipelines.asking import Asker, Ear
from amalfa.pipelines.conditions import Values, judge
from amalfa.pipelines.graph import Merge, Node, Pipeline
from amalfa.pipelines.hooks import Hooks
from amalfa.pipelines.merging import Branch, concatenated, voted
from amalfa.pipelines.prompts import Written, question_of, to_answer, to_merge, to_refine

FAILURES = (Unserved, OverBudget, CallError)
"""What may go wrong at one node without the whole call being wrong."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the pipeline would answer now, and the node behind which it goes on.

    `answer` is the reply it is the text of, None where it is no single one. `is_formed`: that reply was held to the
    call's own form. `is_shown`: the listener has heard all of it.
    """

    node: Node
    text: str
    answer: Answer[object] | None = None
    is_formed: bool = False
    is_shown: bool = False


@dataclass(frozen=True, slots=True)
class Bench:
    """The means of one call's nodes. `read` is the caller's own, for the node that writes the final answer.

    `question` is what the user's last turn says, `topic` the question in it, which routers and conditions go by: a turn
    may hold notes as well.
    """

    pipeline: Pipeline
    call: Call
    read: Read[object]
    is_live: bool
    ear: Ear
    account: Account
    asker: Asker
    hooks: Hooks | None
    question: str = field(init=False)
    topic: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "question", question_of(self.call.prompt))
        object.__setattr__(self, "topic", self.call.prompt.material.question or self.question)

    async def answered(self, node: Node, *, stand_in: Node | None = None) -> Draft:
        """The node's answer to the request; that of `stand_in` when the node fails before a word was heard."""
        asked = await self.before(node, self.question)
        is_final = self.is_last(node)
        prompt = to_answer(self.call.prompt, node, asked, is_final=is_final)
        await self.ear(Phase(f"answering at {node.name}"))
        try:
            draft = await self._ask(node, prompt, is_final=is_final)
        except FAILURES as error:
            is_over = stand_in is None or self.ear.was_heard or self.asker.left_s() <= 0
            self._missed(node, "answer", error, "" if is_over or stand_in is None else f"{stand_in.name} stands in")
            if is_over or stand_in is None:
                raise self._placed(error, node) from error.__cause__
            self.account.passed += 1
            return await self.answered(stand_in)
        self._note(node, "answer", draft)
        return await self._hooked(asked, draft)

    async def refined(self, node: Node, draft: Draft) -> Draft:
        """The draft made better; the draft as it was, and a hop that says so, when that cannot be done."""
        asked = await self.before(node, self.question)
        is_final = self.is_last(node)
        prompt = to_refine(self.call.prompt, node, asked, Written(draft.node, draft.text), is_final=is_final)
        await self.ear(Phase(f"refining at {node.name}"))
        made = await self._improved(node, prompt, "refine", "the draft is kept", is_final=is_final)
        return await self._hooked(asked, made or replace(draft, node=node))

    async def merged(self, node: Node, merge: Merge, found: Sequence[Branch], *, is_final: bool) -> Draft:
        """One text from several answers; `node` says how, and its model does it where one is needed."""
        texts = [one.written for one in found]
        if merge == "synthesize" and len(found) > 1:
            prompt = to_merge(self.call.prompt, node, self.question, texts, is_final=is_final)
            await self.ear(Phase(f"merging at {node.name}"))
            made = await self._improved(node, prompt, "merge", "the answers follow each other", is_final=is_final)
            return await self._hooked(self.question, made or Draft(node, concatenated(found)))
        if merge == "concatenate" and len(found) > 1:
            self.account.note(node, "merge", decided=f"concatenate: {len(found)} answers in order")
            return await self._hooked(self.question, Draft(node, concatenated(found)))
        winner, decided = voted(found)
        how = decided if merge == "vote" else f"{winner.written.node.name} answered"
        self.account.note(node, "merge", decided=f"{merge}: {how}")
        draft = Draft(node, winner.written.text, winner.answer, is_formed=is_final and merge in ("first", "vote"))
        return await self._hooked(self.question, draft)

    async def before(self, node: Node, text: str) -> str:
        """A request as the node's hooks hand it on."""
        if self.hooks is None or not node.pre_hooks:
            return text
        return await self.hooks.before(node, text, self.values(node))

    async def past(self, node: Node, asked: str, said: str) -> str:
        """What the node said as its hooks leave it."""
        if self.hooks is None or not node.post_hooks:
            return said
        return await self.hooks.after(node, asked, said, self.values(node))

    def values(self, node: Node) -> Values:
        """What conditions can name, as seen from `node`."""
        return self.asker.values(node, self.topic)

    def following(self, node: Node) -> tuple[Node, tuple[Node, ...]]:
        """Where the answer of a node goes, and the nodes left out on the way because their condition does not hold."""
        skipped: dict[str, Node] = {}
        target = self.pipeline.targets(node)[0]
        while target.kind == "answer" and target.condition and target.name not in skipped:
            if judge(target.condition.expression, self.values(node)).holds:
                break
            skipped[target.name] = target
            target = self.pipeline.targets(target)[0]
        return target, tuple(skipped.values())

    def is_last(self, node: Node) -> bool:
        return self.following(node)[0].kind == "output"

    async def _ask(self, node: Node, prompt: Prompt, *, is_final: bool) -> Draft:
        """One reply; live only where what it says is what the caller gets."""
        is_changed = any(use.mode == "transform" for use in node.post_hooks)
        is_live = self.is_live and is_final and not is_changed
        if is_final:
            answer = await self.asker.ask(node, prompt, self.read, is_live=is_live)
        else:
            answer = await self.asker.ask(node, prompt, plain)
        self.account.served(answer)
        return Draft(node, answer.text, answer, is_formed=is_final, is_shown=is_live)

    async def _improved(self, node: Node, prompt: Prompt, does: str, otherwise: str, *, is_final: bool) -> Draft | None:
        """A model's reply to what others wrote; None when there is none, and `otherwise` is done."""
        self.ear.is_for_models = True
        try:
            draft = await self._ask(node, prompt, is_final=is_final)
        except FAILURES as error:
            if self.ear.was_heard or isinstance(error, BrokenOff):
                self._missed(node, does, error, "")
                raise
            self._missed(node, does, error, otherwise)
            return None
        finally:
            self.ear.is_for_models = False
        if draft.answer is not None and draft.answer.route.tier is Tier.EMBEDDED:
            self.account.note(node, does, decided=f"no model was there, {otherwise}", outcome="no_provider")
            return None
        self._note(node, does, draft)
        return draft

    async def _hooked(self, asked: str, draft: Draft) -> Draft:
        said = await self.past(draft.node, asked, draft.text)
        return draft if said == draft.text else Draft(draft.node, said)

    def _note(self, node: Node, does: str, draft: Draft) -> None:
        if draft.answer is not None:
            self.account.add(node, does, draft.answer)

    def _missed(self, node: Node, does: str, error: AmalfaError, decided: str) -> None:
        self.account.failed(error)
        self.account.note(node, does, decided=decided, outcome=error.code)

    def _placed(self, error: AmalfaError, node: Node) -> AmalfaError:
        """The failure with the node it happened at."""
        error.message = f'Node "{node.name}" of pipeline {self.pipeline.name} failed. {error.message}'
        return error


def plain(text: str) -> Reading[object]:
    """A `Read` for what is not the final answer."""
    return cast("Reading[object]", unread(text))
