"""Layered pipelines in front of the executor: a call that names one goes through it, any other goes straight on."""

from collections.abc import Mapping
from typing import TypeVar, cast

from amalfa.calls import Answer, Call
from amalfa.config.problems import suggestion
from amalfa.errors import NotFound, UsageProblem
from amalfa.execution.reading import Read
from amalfa.execution.steps import Emit
from amalfa.pipelines.account import Account
from amalfa.pipelines.asking import Around, Asker, Ear
from amalfa.pipelines.choosing import Decisions
from amalfa.pipelines.graph import Pipeline
from amalfa.pipelines.hooks import HookMeans, Hooks
from amalfa.pipelines.walk import Walk
from amalfa.pipelines.work import Bench

PREFIX = "pipeline:"

T = TypeVar("T")


class Layered:
    """An `Executes` that knows the pipelines of one Generation. They have to be free of problems.

    `hooks` None leaves the hooks of all nodes out. Decisions of routers are remembered here, for ten minutes.
    """

    def __init__(self, around: Around, pipelines: Mapping[str, Pipeline], *, hooks: HookMeans | None = None) -> None:
        self._around = around
        self._pipelines = pipelines
        self._hooks = hooks
        self._decisions = Decisions(around.clock)

    async def tell(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        """As `Executor.tell`; of a pipeline only the final answer is told. Raises NotFound where there is none."""
        pipeline = self.pipeline_of(call)
        if pipeline is None:
            return await self._around.executor.tell(call, emit, read=read)
        return await self._walk(pipeline, call, emit, read, is_live=True)

    async def ask(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        """As `Executor.ask`. Raises NotFound for a pipeline that is not there."""
        pipeline = self.pipeline_of(call)
        if pipeline is None:
            return await self._around.executor.ask(call, emit, read=read)
        return await self._walk(pipeline, call, emit, read, is_live=False)

    def pipeline_of(self, call: Call) -> Pipeline | None:
        """The pipeline that a call names; None for any other call."""
        wanted = (call.wish.model or "").strip()
        if not wanted.startswith(PREFIX):
            return None
        if call.handling.commit is not None:
            # Its result would have to be written with the end of one attempt, and a pipeline makes several.
            raise UsageProblem("A job cannot be run by a pipeline.", hint="name a model")
        name = wanted.removeprefix(PREFIX)
        found = self._pipelines.get(name)
        if found is None:
            raise unknown_pipeline(name, self._pipelines)
        return found

    async def _walk(self, pipeline: Pipeline, call: Call, emit: Emit, read: Read[T], *, is_live: bool) -> Answer[T]:
        ear, account = Ear(emit), Account(pipeline, call)
        bench = Bench(
            pipeline,
            call,
            cast("Read[object]", read),
            is_live,
            ear,
            account,
            Asker(self._around, pipeline, call, account, ear),
            Hooks(pipeline.functions, self._hooks, call) if self._hooks else None,
        )
        # The value is what `read` made of the final answer, so it has its type.
        return cast("Answer[T]", await Walk(bench, self._decisions, self._around.generation).answer())


def unknown_pipeline(name: str, known: Mapping[str, object]) -> NotFound:
    """The failure for a pipeline that no configuration names, with the nearest name there is."""
    there = f"there are {', '.join(sorted(known))}" if known else "none is configured under sonar.pipelines"
    return NotFound(f"There is no pipeline {name!r}{suggestion(name, known)}", hint=f"use one that exists; {there}")
