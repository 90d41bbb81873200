"""One call on its way through one pipeline, node by node, until an output is reached. Asks no model itself."""

from dataclasses import dataclass
from typing import cast

from amalfa.calls import Answer, LeftMachine
from amalfa.errors import AmalfaError, BadReply, BrokenOff, Unserved
from amalfa.execution.reading import Read
from amalfa.execution.steps import Delta, Phase
from amalfa.pipelines.choosing import Decisions, by_rules
from amalfa.pipelines.graph import Merge, Node
from amalfa.pipelines.merging import Gathering
from amalfa.pipelines.routing import Router
from amalfa.pipelines.work import Bench, Draft, plain


@dataclass(frozen=True, slots=True)
class Walk:
    """Goes from node to node. `generation` is the number of the configuration in force."""

    bench: Bench
    decisions: Decisions
    generation: int

    async def answer(self) -> Answer[object]:
        """The answer with the route of the whole way. Raises what the executor raises, with that route."""
        try:
            return await self._delivered(await self._to_the_end())
        except AmalfaError as error:
            self.bench.account.blame(error, generation=self.generation, left=self._left)
            raise

    async def _to_the_end(self) -> Draft:
        node, draft, router = self.bench.pipeline.entry, cast("Draft | None", None), cast("Node | None", None)
        while node.kind != "output":
            self._count(node)
            if node.kind == "router":
                router, node = node, await self._routed(node)
                continue
            if node.kind == "fan-out":
                draft = await self._fanned_out(node)
            elif draft is None:
                draft = await self.bench.answered(node, stand_in=self._stand_in(node, router))
            else:
                draft = await self.bench.refined(node, draft)
            node, router = self._next(draft), None
        if draft is None:
            raise Unserved(f"The pipeline {self.bench.pipeline.name} came to its end without an answer.")
        return draft

    def _count(self, node: Node) -> None:
        pipeline, account = self.bench.pipeline, self.bench.account
        if account.passed >= pipeline.max_hops:
            message = f'The pipeline {pipeline.name} stopped before "{node.name}": it has passed {account.passed} nodes'
            hint = "raise max-hops in its file, or break the circle; `amalfa pipeline check` shows it"
            raise Unserved(f"{message}, and max-hops allows no more.", hint=hint)
        account.passed += 1

    async def _routed(self, node: Node) -> Node:
        bench = self.bench
        await bench.ear(Phase(f"choosing at {node.name}"))
        asked = await bench.before(node, bench.topic)
        router = Router(bench.pipeline, bench.call, bench.asker, bench.account, self.decisions)
        chosen = await router.choose(node, asked, bench.values(node))
        said = (await bench.past(node, asked, chosen.name)).strip()
        renamed = next((one for one in bench.pipeline.targets(node) if one.name == said), None)
        return renamed or chosen

    def _stand_in(self, node: Node, router: Node | None) -> Node | None:
        """The default handler beside one that may fail."""
        others = self.bench.pipeline.targets(router) if router else ()
        return next((one for one in others if one.is_default and one.kind == "answer" and one is not node), None)

    async def _fanned_out(self, node: Node) -> Draft:
        bench = self.bench
        asked = await bench.before(node, bench.question)
        targets = bench.pipeline.targets(node)
        ruled = by_rules(targets, bench.values(node), has_model=True)
        nodes = ruled.open or ((ruled.taken,) if ruled.taken else targets[:1])
        following = bench.pipeline.targets(nodes[0])[0]
        is_joined = following.kind == "answer" and following.merge is not None
        merger = following if is_joined else node
        merge: Merge = merger.merge or "concatenate"
        is_final = bench.is_last(following) if is_joined else following.kind == "output"
        note = "; ".join(filter(None, (f"to {', '.join(one.name for one in nodes)}", ruled.undecided)))
        bench.account.note(node, "fan-out", decided=note)
        for counted in (*nodes, *((following,) if is_joined else ())):
            self._count(counted)
        await bench.ear(Phase(f"asking {len(nodes)} nodes at once"))
        # A vote or the first answer is the caller's answer as it stands, so each has to have its form.
        is_form = is_final and merge in ("first", "vote")
        read = bench.read if is_form else plain
        gathering = Gathering(bench.asker, bench.account)
        found = await gathering.gather(nodes, bench.call.prompt, asked, merge=merge, read=read, is_form=is_form)
        return await bench.merged(merger, merge, found, is_final=is_final)

    def _next(self, draft: Draft) -> Node:
        """Where a draft goes on; what is left out on the way is written down."""
        if draft.node.kind == "fan-out":
            branch = self.bench.pipeline.targets(draft.node)[0]
            return self.bench.pipeline.targets(branch)[0]
        following, skipped = self.bench.following(draft.node)
        for node in skipped:
            self.bench.account.note(node, "skip", decided="its condition does not hold")
        return following

    async def _delivered(self, draft: Draft) -> Answer[object]:
        bench, answer = self.bench, draft.answer
        value: object = answer.value if answer is not None and draft.is_formed else self._read(draft.text)
        if bench.is_live and not draft.is_shown and draft.text:
            await bench.ear(Delta(draft.text))
        is_own = answer is not None and draft.is_formed
        last = answer.route if answer is not None and is_own else None
        return Answer(
            draft.text,
            value,
            bench.account.usage(bench.asker.ms()),
            bench.account.route(last, generation=self.generation, left=self._left),
            answer.finish if answer is not None else "stop",
            answer.tool_calls if answer is not None and is_own else (),
        )

    def _read(self, text: str) -> object:
        """The value of a text that no model wrote as the final answer."""
        read: Read[object] = self.bench.read
        try:
            return read(text).value
        except BadReply as error:
            kind = BrokenOff if self.bench.ear.was_heard else Unserved
            message = f"What the pipeline {self.bench.pipeline.name} made does not have the form that was asked for."
            raise kind(f"{message} {error.message}", hint="ask a model instead of the pipeline") from error

    @property
    def _left(self) -> LeftMachine | None:
        return self.bench.hooks.left_machine if self.bench.hooks else None
