"""The sonar process as its starter sees it: takes the life lock, opens the log, runs, and says how it went."""

import argparse
import gc
import logging
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio

from amalfa import __version__
from amalfa.daemon.folders import prepare_folders
from amalfa.daemon.identity import own_identity
from amalfa.daemon.lifetime import Berth, OpenWorks, Works, live
from amalfa.daemon.listener import refuse_if_taken
from amalfa.daemon.lock import HeldLock, read_note, take_lock
from amalfa.daemon.log import open_log
from amalfa.daemon.process import dump_stacks_on_signal, harden
from amalfa.daemon.report import report_failure, report_ready
from amalfa.daemon.state import PROTOCOL, State, write_state
from amalfa.daemon.systemd import Supervisor, take_passed_descriptor
from amalfa.errors import AmalfaError, Busy, ShuttingDown
from amalfa.paths import Places, Project, places_for

_log = logging.getLogger("amalfa.daemon.serve")  # __name__ is "__main__" in the background process

LOCK_WAIT_S = 0.3
"""Onlookers hold the lock for an instant to see whether it is free; that must not look like an owner."""


def main(arguments: Sequence[str]) -> int:
    """Run as the background process that `control` starts; its only words to the starter go through a pipe."""
    parser = argparse.ArgumentParser(prog="amalfa sonar")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--report", type=int, required=True, metavar="DESCRIPTOR")
    given = parser.parse_args(arguments)
    os.set_inheritable(given.report, False)
    reports = [given.report]

    def announce(state: State) -> None:
        report_ready(reports.pop())

    try:
        run(Project(root=given.root, config=given.config), os.environ, announce=announce, is_detached=True)
        failure: AmalfaError = ShuttingDown("Sonar was stopped while it started.", hint="amalfa sonar start")
        exit_code = 0
    except AmalfaError as error:
        failure, exit_code = error, error.exit_code
    if reports:
        report_failure(reports.pop(), failure)
    return exit_code


def run(
    project: Project,
    environ: MutableMapping[str, str],
    *,
    announce: Callable[[State], None],
    is_detached: bool,
    open_works: OpenWorks | None = None,
) -> None:
    """Be sonar for this project until asked to stop; `announce` is called once it answers.

    Raises Busy, naming the owner, when another process is sonar already, and whatever keeps it from starting:
    InvalidConfig with all problems, UntrustedConfig, AmalfaError. Signals, limits and the log belong to the
    whole process, so call it once in a process that does nothing else.
    """
    harden()
    descriptor, supervisor = take_passed_descriptor(environ), Supervisor(environ)
    places = places_for(project.root, environ)
    prepare_folders(places)
    lock = claim(places)
    log = open_log(places.log, is_detached=is_detached)
    dump_stacks_on_signal()
    try:
        if descriptor is None:
            refuse_if_taken(places.socket)
        state = describe(project, places)
        lock.note(state.lock_note)
        write_state(places.state, state)
        _log.info("sonar starts", extra={"pid": state.pid, "version": state.version, "root": state.root})
        berth = Berth(places, lock, state, supervisor, descriptor, announce)
        anyio.run(
            live,
            berth,
            open_works or partial(_open_sonar, project, places, environ),
            backend_options={"use_uvloop": True},
        )
        _log.info("sonar ended in order")
    except Exception as error:  # the last boundary there is: the reason must reach the log whatever it was
        reason = innermost(error)
        if not isinstance(reason, AmalfaError):
            _log.critical("sonar failed", exc_info=error)
            raise AmalfaError(
                f"Sonar failed: {type(reason).__name__}: {log.redactor.redact(str(reason))}", hint="amalfa sonar logs"
            ) from error
        _log.error("sonar ends", extra={"code": reason.code, "reason": str(reason)})
        raise reason from None
    finally:
        # A late signal finds nothing left to drain; the exit status is decided.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        log.close()


def claim(places: Places) -> HeldLock:
    """Become the one sonar of this project. Raises Busy, naming the process that is."""
    lock = take_lock(places.life_lock, wait_s=LOCK_WAIT_S)
    if lock is None:
        owner = read_note(places.life_lock).partition(" ")[0] or "unknown"
        raise Busy(f"Sonar is running for this project already (pid {owner}).", hint="amalfa sonar status")
    return lock


def describe(project: Project, places: Places) -> State:
    """What this process says of itself before it listens; the nonce is new."""
    identity = own_identity()
    return State(
        pid=identity.pid,
        start_time=identity.start_time,
        boot_id=identity.boot_id,
        nonce=secrets.token_hex(16),
        version=__version__,
        protocol=PROTOCOL,
        socket=str(places.socket),
        root=str(project.root),
        config=str(project.config),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def innermost(error: BaseException) -> BaseException:
    """The one failure inside task groups that only wrapped it; a real group of several stays one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def _open_sonar(
    project: Project, places: Places, environ: MutableMapping[str, str], nonce: str
) -> AsyncIterator[Works]:
    # What is loaded now stays; looking through it for garbage again and again costs a tenth of the start.
    gc.disable()
    # httpx loads a command line of its own, with rich and pygments, wherever it can: 50 ms and 6 MB for nothing.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is how Python spells "cannot load"
    # Imported only now: a start that is refused should be refused at once.
    from amalfa.daemon.engine import open_engine
    from amalfa.server.app import make_app
    from amalfa.server.shapes import SHAPES

    async with open_engine(project, places, environ, nonce=nonce) as engine:
        gc.freeze()
        gc.enable()
        yield Works(engine, make_app(engine), engine.use_port(), SHAPES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
