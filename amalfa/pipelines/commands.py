"""Runs one command of a hook: no shell, a scrubbed environment, bounded time and output, nothing left behind."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process

from amalfa.errors import NotFound, Stalled, UpstreamBroken
from amalfa.pipelines.runnable import Command

OUTPUT_MAX_BYTES = 1 << 20
ENVIRONMENT = ("PATH", "HOME", "LANG")
"""All that a command sees of sonar's environment, beside the variables its `env` names."""

_PATH = ENVIRONMENT[0]
_USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"
_END_S = 2.0


async def run_command(
    command: Command, payload: bytes, *, root: Path, environ: Mapping[str, str], timeout_s: float
) -> bytes:
    """What the command prints, given `payload` on its standard input, in the folder `root`.

    Raises NotFound when there is no such program, Stalled when it takes too long, UpstreamBroken when it prints too
    much or ends with another exit code than 0. Its process group is killed however this ends. What it writes to
    standard error is thrown away, as it may repeat the text it was given.
    """
    seen = _seen(command, environ)
    argv = (_program(command, root, seen), *command.argv[1:])
    try:
        process = await anyio.open_process(argv, cwd=root, env=seen, stderr=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        raise NotFound(f"{command.name} cannot be started: {error.strerror}.", hint=_by_hand(command)) from None
    try:
        with anyio.move_on_after(timeout_s):
            printed = await _exchange(process, payload, command)
            return _judged(printed, await process.wait(), command)
        raise Stalled(f"{command.name} was not done within {timeout_s:.3g} s.", hint=_by_hand(command))
    finally:
        await _end(process)


def _seen(command: Command, environ: Mapping[str, str]) -> dict[str, str]:
    seen = {name: environ[name] for name in (*ENVIRONMENT, *command.env) if name in environ}
    return {_PATH: _USUAL_PATH, **seen}


def _program(command: Command, root: Path, environ: Mapping[str, str]) -> str:
    """The file that a command's first word means: from PATH, or relative to the project with a slash in it."""
    word = command.argv[0]
    sought = str(root / word) if "/" in word else word
    found = shutil.which(sought, path=environ[_PATH])
    if found is None:
        raise NotFound(f"{command.name} cannot be started: there is no program {word}.", hint=_by_hand(command))
    return found


async def _exchange(process: Process, payload: bytes, command: Command) -> bytes:
    assert process.stdin is not None  # noqa: S101  # both are pipes unless asked otherwise
    assert process.stdout is not None  # noqa: S101
    async with anyio.create_task_group() as both:
        both.start_soon(_feed, process.stdin, payload)
        printed = await _collect(process.stdout)
        if printed is None:
            both.cancel_scope.cancel()
    if printed is None:
        raise UpstreamBroken(f"{command.name} printed more than {OUTPUT_MAX_BYTES >> 20} MiB.")
    return printed


async def _feed(stdin: ByteSendStream, payload: bytes) -> None:
    # A command may end, or close its input, without reading it.
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        await stdin.send(payload)
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        await stdin.aclose()


async def _collect(stdout: ByteReceiveStream) -> bytes | None:
    """Everything up to the end; None when that is too much."""
    collected = bytearray()
    with suppress(anyio.EndOfStream):
        while len(collected) <= OUTPUT_MAX_BYTES:
            collected += await stdout.receive()
        return None
    return bytes(collected) if len(collected) <= OUTPUT_MAX_BYTES else None


def _judged(printed: bytes, exit_code: int, command: Command) -> bytes:
    if exit_code != 0:
        ended = f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"
        raise UpstreamBroken(f"{command.name} {ended}.", hint=_by_hand(command))
    return printed


async def _end(process: Process) -> None:
    """Kill whatever is left of the process group, and collect the process."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(_END_S):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.aclose()


def _by_hand(command: Command) -> str:
    return f'try it by hand: echo \'{{"input": "a text"}}\' | {shlex.join(command.argv)}'
