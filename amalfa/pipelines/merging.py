"""Several nodes at one request: all are asked at once, and their answers become one. Decides nothing about the way."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from amalfa.calls import Answer, Prompt
from amalfa.errors import AmalfaError
from amalfa.execution.reading import Read
from amalfa.execution.steps import Chosen
from amalfa.pipelines.account import Account
from amalfa.pipelines.asking import Asker
from amalfa.pipelines.graph import Merge, Node
from amalfa.pipelines.prompts import Written, to_answer

_NOISE = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Branch:
    """One node's whole answer."""

    written: Written
    answer: Answer[object]


@dataclass(frozen=True, slots=True)
class Gathering:
    """Asks several nodes for one call."""

    asker: Asker
    account: Account

    async def gather(
        self, nodes: Sequence[Node], prompt: Prompt, question: str, *, merge: Merge, read: Read[object], is_form: bool
    ) -> list[Branch]:
        """The good answers in the order of the nodes; with `first` the first one to come, and the others hang up.

        `is_form`: the answers themselves are held to the call's form. Raises the first failure when no node answered.
        """
        found: dict[str, Branch] = {}
        errors: list[AmalfaError] = []
        chosen: dict[str, list[Chosen]] = {node.name: [] for node in nodes}

        async def ask(node: Node, scope: anyio.CancelScope) -> None:
            asked = to_answer(prompt, node, question, is_final=is_form)
            try:
                answer = await self.asker.ask(node, asked, read, share=1 / len(nodes), chosen=chosen[node.name])
            except AmalfaError as error:
                errors.append(error)
                self.account.failed(error)
                self.account.note(node, "answer", outcome=error.code)
                return
            self.account.served(answer)
            self.account.add(node, "answer", answer)
            found[node.name] = Branch(Written(node, answer.text), answer)
            if merge == "first":
                scope.cancel()

        async with anyio.create_task_group() as group:
            for node in nodes:
                group.start_soon(ask, node, group.cancel_scope)
        for node in nodes:
            if node.name not in {hop.node for hop in self.account.hops}:
                self.account.cut_off(chosen[node.name], to_answer(prompt, node, question, is_final=is_form))
                self.account.note(node, "answer", outcome="cancelled", decided="another one was first")
        if not found:
            raise errors[0]
        first = next(iter(found.values()))
        return [first] if merge == "first" else [found[node.name] for node in nodes if node.name in found]


def voted(branches: Sequence[Branch]) -> tuple[Branch, str]:
    """The answer that most gave, letter case and punctuation apart, and the count in words; of equals the first."""
    said = [_NOISE.sub(" ", one.written.text.casefold()).strip() for one in branches]
    counts = Counter(said)
    winner = max(range(len(branches)), key=lambda at: (counts[said[at]], -at))
    return branches[
        winner
    ], f"{counts[said[winner]]} of {len(branches)} said what {branches[winner].written.node.name} said"


def concatenated(branches: Sequence[Branch]) -> str:
    """All answers, each under the name of its node."""
    if len(branches) == 1:
        return branches[0].written.text
    return "\n\n".join(f"## {one.written.node.name}\n\n{one.written.text.strip()}" for one in branches)
