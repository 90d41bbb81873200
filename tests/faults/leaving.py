"""Fault B13: the client leaves while tokens flow."""

import anyio
import anyio.lowlevel
from typing_extensions import override

from amalfa.execution.reading import Reading, unread
from amalfa.execution.steps import Delta, Step
from tests.faults.stage import Ear, Stage

LEFT_WITHIN_S = 1.0
LONG = {"chunks": ["word "] * 500, "token_ms": 10}


class Leaver(Ear):
    """A listener who leaves for good at the first step of a kind, usually the first piece of text."""

    def __init__(self, scope: anyio.CancelScope, *, at: type[Step] = Delta) -> None:
        super().__init__()
        self._scope = scope
        self._at = at

    @override
    async def __call__(self, step: Step) -> None:
        await super().__call__(step)
        if isinstance(step, self._at):
            self._scope.cancel()
            await anyio.lowlevel.checkpoint()


async def leave(stage: Stage, *, is_streaming: bool) -> str:
    """Make a call and leave it while the reply is on the way; the id of the call."""
    stage.will(LONG)
    call = stage.call()
    async with stage.executor() as executor:
        if is_streaming:
            with anyio.CancelScope() as scope:
                await executor.tell(call, Leaver(scope), read=unread)
        else:
            with anyio.move_on_after(0.15):
                await executor.ask(call, Ear(), read=Reading)
    return call.request_id


async def has_hung_up(stage: Stage) -> None:
    """Wait until the upstream has noticed. Raises TimeoutError after a second."""
    with anyio.fail_after(LEFT_WITHIN_S):
        while not stage.faulty.disconnects:  # noqa: ASYNC110  # the other end of the socket has no event to wait for
            await anyio.sleep(0.01)
    await stage.idle()
