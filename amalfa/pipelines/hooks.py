"""Runs the hooks of a pipeline's nodes: commands and HTTP requests that look on or replace a text.

What a hook may see follows from the call: a local-only text goes to no other machine, nothing does while the cloud
is off, and what leaves is counted. It decides nothing about nodes and models.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import anyio
from anyio.abc import TaskGroup

from amalfa.calls import Call, LeftMachine, PrivacyClass
from amalfa.clock import Clock
from amalfa.config.loaded import Loaded
from amalfa.config.secret import Secret
from amalfa.errors import AmalfaError, BadReply, Busy, OutOfTime, Unserved, UsageProblem
from amalfa.execution.counters import Counter
from amalfa.execution.redaction import Redactor
from amalfa.pipelines.commands import run_command
from amalfa.pipelines.conditions import Values, judge
from amalfa.pipelines.graph import Function, HookUse, Node
from amalfa.pipelines.requests import Letter, Rules, Said, sealed, send
from amalfa.pipelines.runnable import BadFunction, Command, Request, Runnable, runnable
from amalfa.providers.wire import Transport

log = logging.getLogger("amalfa.pipelines")

OBSERVERS_MAX = 64
"""How many observers run at a time, over all calls; a further one is left out and counted as a failure."""

OBSERVER_GRACE_S = 2.0
"""For how long from its start an observer goes on even while sonar stops."""

ANSWERED, FAILED = "ok", "failed"


@dataclass(slots=True)
class HookMeans:
    """What hooks work with; lives as long as its Generation. Observers run in `tasks`, which outlives the calls.

    `environ` is sonar's own environment, `off_reason` "" unless nothing may be sent off this machine. `counts` has
    the runs by function and outcome ("ok" or an error's code).
    """

    root: Path
    environ: Mapping[str, str]
    off_reason: str
    redactor: Redactor
    clock: Clock
    tasks: TaskGroup
    counts: Counter = field(default_factory=Counter)
    transport: Transport | None = None
    observers: int = 0

    def find_secret(self, name: str) -> Secret | None:
        value = self.environ.get(name)
        return Secret(value) if value else None


def hooks_off_reason(loaded: Loaded) -> str:
    """Why no hook may send anything off this machine under this configuration; "" when it may."""
    cloud = loaded.settings.sonar.cloud
    if cloud.enabled is False:
        return "sonar.cloud.enabled is false"
    if cloud.enabled is True or cloud.provider == "ollama" or loaded.keys.for_provider(cloud.provider) is not None:
        return ""
    return f"sonar.cloud.enabled is auto and there is no key for {cloud.provider}"


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a hook, for those who ask afterwards. `outcome` is "ok", "started" or an error's code."""

    node: str
    function: str
    mode: str
    outcome: str
    ms: int


class Hooks:
    """The hooks of one call on its way through one pipeline.

    `before` and `after` raise Unserved when a hook fails that says `abort`, and OutOfTime at the call's deadline.
    """

    def __init__(self, functions: Mapping[str, Function], means: HookMeans, call: Call) -> None:
        self._functions = functions
        self._means = means
        self._call = call
        self._left: list[tuple[str, Letter]] = []
        self.ran: list[Ran] = []

    async def before(self, node: Node, text: str, facts: Values) -> str:
        """The text that the node is to work on: `text`, or what its `pre` hooks make of it."""
        for use in node.pre_hooks:
            said = Said(node.name, text, None, self._call.request_id)
            replaced = await self._run(use, said, facts)
            text = text if replaced is None else replaced
        return text

    async def after(self, node: Node, input_text: str, output_text: str, facts: Values) -> str:
        """The node's reply, or what its `post` hooks make of it."""
        for use in node.post_hooks:
            said = Said(node.name, input_text, output_text, self._call.request_id)
            replaced = await self._run(use, said, facts)
            output_text = output_text if replaced is None else replaced
        return output_text

    @property
    def left_machine(self) -> LeftMachine | None:
        """What hooks have sent off this machine so far; None for nothing."""
        if not self._left:
            return None
        letters = [letter for _, letter in self._left]
        return LeftMachine(
            to=tuple(dict.fromkeys(to for to, _ in self._left)),
            tokens=sum(letter.tokens for letter in letters),
            notes=self._call.prompt.material.quoted_notes,
            redactions=sum(letter.redactions for letter in letters),
        )

    async def _run(self, use: HookUse, said: Said, facts: Values) -> str | None:
        """The text that takes the place of the old one; None when it stays."""
        if use.condition is not None and not judge(use.condition.expression, facts).holds:
            return None
        started_s = time.perf_counter()
        try:
            function = self._function(use)
            if use.mode == "observe":
                await self._observe(function, said)
                self._note(use, said, "started", started_s)
                return None
            text = await self._asked(function, said)
        except AmalfaError as error:
            self._failed(use, said, error, started_s)
            return None
        self._means.counts.add((use.function, ANSWERED))
        self._note(use, said, ANSWERED, started_s)
        return text

    async def _asked(self, function: Runnable, said: Said) -> str:
        """What a transforming function makes of the text."""
        left_s = self._call.deadline_s - self._means.clock.monotonic_s()
        if left_s <= 0:
            raise OutOfTime("The pipeline ran out of time before a hook.", hint="allow more time with --timeout")
        timeout_s = min(function.timeout_s, left_s)
        match function:
            case Command():
                text = _decoded(await self._printed(function, said, timeout_s))
            case Request():
                letter = await self._sealed(function, said)
                text = await self._sent(letter, timeout_s)
            case _:
                assert_never(function)
        if not text.strip():
            raise BadReply(f"{function.name} gave no text in place of the old one.")
        return text

    async def _observe(self, function: Runnable, said: Said) -> None:
        """Start a function that looks on. What must not leave is refused here and now."""
        if self._means.observers >= OBSERVERS_MAX:
            raise Busy(f"{function.name} is left out: {OBSERVERS_MAX} observers are running.")
        letter = await self._sealed(function, said) if isinstance(function, Request) else None
        self._means.observers += 1
        self._means.tasks.start_soon(self._watch, function, said, letter)

    async def _watch(self, function: Runnable, said: Said, letter: Letter | None) -> None:
        # A command line that does without sonar is over with its answer, and sonar may be stopped just now.
        with anyio.CancelScope(shield=True) as kept:
            async with anyio.create_task_group() as own:
                own.start_soon(_lift, kept)
                await self._watched(function, said, letter)
                own.cancel_scope.cancel()

    async def _watched(self, function: Runnable, said: Said, letter: Letter | None) -> None:
        try:
            if letter is not None:
                await self._sent(letter, function.timeout_s)
            elif isinstance(function, Command):
                await self._printed(function, said, function.timeout_s)
            self._means.counts.add((function.name, ANSWERED))
        except Exception as error:  # nobody waits for an observer, and it must not take others along
            self._means.counts.add((function.name, getattr(error, "code", FAILED)))
            log.warning("the observer %s failed in %s: %s", function.name, said.request_id, _told(error))
        finally:
            self._means.observers -= 1

    async def _printed(self, command: Command, said: Said, timeout_s: float) -> bytes:
        means = self._means
        return await run_command(command, said.payload, root=means.root, environ=means.environ, timeout_s=timeout_s)

    async def _sealed(self, request: Request, said: Said) -> Letter:
        """A request that may be sent; when it goes to another machine, that is put on record before it goes."""
        means = self._means
        rules = Rules(self._privacy, means.off_reason, means.redactor, means.find_secret, means.clock, means.transport)
        letter = await sealed(request, said, rules)
        if not request.stays_here:
            self._left.append((f"{request.url} (hook {request.name})", letter))
        return letter

    async def _sent(self, letter: Letter, timeout_s: float) -> str:
        clock = self._means.clock
        return await send(letter, deadline_s=clock.monotonic_s() + timeout_s, clock=clock)

    @property
    def _privacy(self) -> PrivacyClass:
        """A caller who wants everything to stay here wants that of the hooks as well."""
        return PrivacyClass.LOCAL_ONLY if self._call.wish.prefer == "local" else self._call.privacy

    def _function(self, use: HookUse) -> Runnable:
        found = self._functions.get(use.function)
        if found is None:
            raise UsageProblem(f"there is no function {use.function}", hint="amalfa pipeline check")
        try:
            return runnable(found)
        except BadFunction as error:
            raise UsageProblem(f"{use.function} {error}", hint="amalfa pipeline check") from None

    def _failed(self, use: HookUse, said: Said, error: AmalfaError, started_s: float) -> None:
        """Count and log a failure; raise when it is to end the call."""
        self._means.counts.add((use.function, error.code))
        self._note(use, said, error.code, started_s)
        log.warning("the hook %s of %s failed in %s: %s", use.function, said.node, said.request_id, _told(error))
        if isinstance(error, OutOfTime):
            raise error
        if use.on_failure == "abort":
            message = f"The hook {use.function} of node {said.node} failed, and it may not: {error.message}"
            raise Unserved(message, hint=error.hint) from error

    def _note(self, use: HookUse, said: Said, outcome: str, started_s: float) -> None:
        ms = round((time.perf_counter() - started_s) * 1000)
        self.ran.append(Ran(said.node, use.function, use.mode, outcome, ms))


async def _lift(shield: anyio.CancelScope) -> None:
    await anyio.sleep(OBSERVER_GRACE_S)
    shield.shield = False


def _decoded(printed: bytes) -> str:
    """What a command printed, without the newline that ends it."""
    try:
        text = printed.decode("utf-8")
    except UnicodeDecodeError:
        raise BadReply("what it printed is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def _told(error: BaseException) -> str:
    """What the log says of a failure: our own words, or the class of a foreign one, whose words may quote the text."""
    return error.message if isinstance(error, AmalfaError) else type(error).__name__
