"""Starts, stops and watches sonar from outside. Light on purpose: `sonar status` pays for every import here."""

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from amalfa import __version__
from amalfa.client.connection import request
from amalfa.client.document import Document
from amalfa.daemon.folders import prepare_folders
from amalfa.daemon.lock import is_held, take_lock, wait_until_free
from amalfa.daemon.owner import owner_pid, signal_owner
from amalfa.daemon.state import PROTOCOL, read_state
from amalfa.errors import AmalfaError, NotRunning, OutOfTime, Unreachable
from amalfa.paths import Places, Project, places_for

SILENCE_S = 3.0
"""Health is answered at once whatever else is going on, so a sonar that is silent for this long is stuck."""

PING_TIMEOUT_S = 1.0
STATUS_TIMEOUT_S = 1.0
START_TIMEOUT_S = 10.0
SHUTDOWN_TIMEOUT_S = 2.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Running:
    """A sonar that answers. `started` says that this call started it.

    `skew` is a sentence for people when its version is not ours, "" otherwise.
    """

    pid: int
    version: str
    protocol: int
    socket: Path
    started: bool = False
    skew: str = ""


@dataclass(frozen=True, slots=True)
class StatusResult:
    """`data` is what sonar says of itself, empty unless "running". `pid` 0 and `reason` "" mean not known."""

    state: Literal["running", "not running", "not answering"]
    socket: Path
    log: Path
    data: Document
    pid: int = 0
    reason: str = ""


def socket_of(project: Project, environ: Mapping[str, str]) -> Path:
    """Where to dial: where the last sonar of the project said it listens, else the usual place."""
    return _sockets(places_for(project.root, environ))[0]


def ensure_running(project: Project, environ: Mapping[str, str], *, timeout_s: float = START_TIMEOUT_S) -> Running:
    """`start`, for commands that need sonar; with AMALFA_NO_AUTOSTART=1 it raises NotRunning instead."""
    if environ.get("AMALFA_NO_AUTOSTART", "") not in ("", "0"):
        found = _look_patiently(places_for(project.root, environ))
        if isinstance(found, Running):
            return found
        raise NotRunning("Sonar is not running, and AMALFA_NO_AUTOSTART is set.", hint="amalfa sonar start")
    return start(project, environ, timeout_s=timeout_s)


def start(project: Project, environ: Mapping[str, str], *, timeout_s: float = START_TIMEOUT_S) -> Running:
    """Make sure that sonar answers: find it, or start it.

    An older sonar is replaced if it is idle, else used as it is and `skew` says so; a newer one is used.
    Raises what the new process reports (InvalidConfig and the like arrive as RemoteError with the same code,
    exit code and problems), OutOfTime, and Unreachable when a process holds the place without answering.
    """
    places = places_for(project.root, environ)
    found = _look_patiently(places)
    if isinstance(found, Running) and not _is_outdated(found):
        return found
    give_up_s = time.monotonic() + timeout_s
    with _starting(places, give_up_s):
        return _find_or_launch(project, places, environ, give_up_s)


def stop(project: Project, environ: Mapping[str, str], *, timeout_s: float = 15.0) -> int | None:
    """End sonar in order; returns its pid, or None when none ran, once the life lock is free.

    Asks over the socket; a sonar that does not answer gets SIGTERM, but only after its identity is proven.
    Raises Unreachable when it is still there after `timeout_s`, which leaves room for its grace of 10 s.
    """
    places = places_for(project.root, environ)
    if not is_held(places.life_lock):
        return None
    pid = owner_pid(places)
    if not _asked_to_leave(places):
        signal_owner(places, force=False)
    if not wait_until_free(places.life_lock, timeout_s=timeout_s):
        raise Unreachable(
            f"Sonar (pid {pid}) has not ended after {timeout_s:g} s. Its log is {places.log}.",
            hint="amalfa sonar restart --force",
        )
    return pid


def restart(project: Project, environ: Mapping[str, str], *, force: bool = False, timeout_s: float = 15.0) -> Running:
    """`stop`, then `start`. With `force` a sonar that ignores SIGTERM for some seconds is killed."""
    places = places_for(project.root, environ)
    if not force:
        stop(project, environ, timeout_s=timeout_s)
    elif is_held(places.life_lock):
        signal_owner(places, force=True)
    return start(project, environ, timeout_s=timeout_s)


def reload(project: Project, environ: Mapping[str, str], *, timeout_s: float = 10.0) -> Document:
    """Have sonar read its configuration again now: `{generation, problems}`. Raises NotRunning."""
    socket = socket_of(project, environ)
    return Document(request(socket, "POST", "/sonar/reload", {}, timeout_s=timeout_s).body)


def status(project: Project, environ: Mapping[str, str], *, timeout_s: float = STATUS_TIMEOUT_S) -> StatusResult:
    """How sonar is. Starts nothing and raises nothing that a sonar could cause."""
    places = places_for(project.root, environ)
    reason = ""
    for socket in _sockets(places):
        try:
            data = Document(request(socket, "GET", "/sonar/status", timeout_s=timeout_s).body)
            return StatusResult("running", socket, places.log, data, pid=data.whole("pid") or 0)
        except NotRunning:
            continue
        except AmalfaError as error:
            reason = error.message
            break
    nothing, usual = Document(None), places.socket
    if not reason and not is_held(places.life_lock):
        return StatusResult("not running", usual, places.log, nothing)
    reason = reason or "It holds the life lock but does not listen; it may be starting."
    return StatusResult("not answering", usual, places.log, nothing, pid=owner_pid(places), reason=reason)


def run_in_foreground(project: Project, environ: MutableMapping[str, str], announce: Callable[[str], None]) -> None:
    """Be sonar in this process until asked to stop; `announce` gets a sentence once it answers.

    Raises Busy (exit code 7) when sonar runs already. See `amalfa.daemon.serve.run`.
    """
    from amalfa.daemon.serve import run

    run(
        project,
        environ,
        announce=lambda state: announce(f"Sonar is running (pid {state.pid}) on {state.socket}."),
        is_detached=False,
    )


def tail_log(project: Project, environ: Mapping[str, str], count: int) -> list[str]:
    """The last lines of the log, oldest first; JSON objects, except for an interpreter's last words."""
    from amalfa.daemon.log_reader import tail

    return tail(places_for(project.root, environ).log, count)


def follow_log(project: Project, environ: Mapping[str, str], count: int) -> Iterator[str]:
    """`tail_log`, then each new line as it is written, for ever."""
    from amalfa.daemon.log_reader import follow

    return follow(places_for(project.root, environ).log, count)


def _find_or_launch(project: Project, places: Places, environ: Mapping[str, str], give_up_s: float) -> Running:
    from amalfa.daemon.launch import launch

    has_asked = False
    while True:
        found = _look(places)
        if isinstance(found, Running):
            if has_asked or not _is_outdated(found):
                return found
            # One attempt only: two installations side by side must not replace each other for ever.
            has_asked = True
            if not _asked_to_leave(places, only_if_idle=True):
                return found
        elif not is_held(places.life_lock):
            try:
                launch(project, places, environ, timeout_s=max(0.1, give_up_s - time.monotonic()))
                return replace(_just_started(places), started=True)
            except AmalfaError as error:
                if error.code != "busy":  # busy: a foreground sonar was faster; find it in the next round
                    raise
        if time.monotonic() > give_up_s:
            raise _silent(places, found)
        time.sleep(POLL_S)


def _look_patiently(places: Places) -> Running | None:
    """The sonar that answers; None when there may be one in a moment. Raises Unreachable when it is stuck."""
    try:
        return _ask_health(places, timeout_s=SILENCE_S)
    except AmalfaError as error:
        from amalfa.client.failures import Silent

        if isinstance(error, Silent) and is_held(places.life_lock) and not _may_be_starting(places):
            raise _silent(places, error.message) from None
        return None


def _may_be_starting(places: Places) -> bool:
    """Whether systemd opened the socket for a process that is not old enough yet to serve it.

    A socket of its own is opened by sonar only when it can answer, and is then younger than the process.
    """
    from datetime import datetime

    state = read_state(places.state)
    if state is None:
        return True
    try:
        began_s = datetime.fromisoformat(state.started_at).timestamp()
        return time.time() < began_s + START_TIMEOUT_S and _sockets(places)[0].stat().st_mtime < began_s
    except (OSError, ValueError):
        return True


def _look(places: Places) -> "Running | str":
    """The sonar that answers, or what is known about why none does."""
    try:
        return _ask_health(places, timeout_s=PING_TIMEOUT_S) or "Nobody listens on its socket."
    except AmalfaError as error:  # one that leaves says so; anything else is a sonar that does not work
        return error.message


def _ask_health(places: Places, *, timeout_s: float) -> Running | None:
    """The sonar that answers; None when nobody listens. Raises AmalfaError for everything between the two."""
    for socket in _sockets(places):
        with suppress(NotRunning):
            return _running(Document(request(socket, "GET", "/sonar/health", timeout_s=timeout_s).body), socket)
    return None


def _running(health: Document, socket: Path) -> Running:
    version, protocol = health.text("version"), health.whole("protocol") or 0
    skew = (
        "" if (version, protocol) == (__version__, PROTOCOL) else f"Sonar is version {version}, this is {__version__}."
    )
    return Running(pid=health.whole("pid") or 0, version=version, protocol=protocol, socket=socket, skew=skew)


def _just_started(places: Places) -> Running:
    found = _look(places)
    if isinstance(found, Running):
        return found
    raise Unreachable(f"Sonar started and went away again: {found} Its log is {places.log}.", hint="amalfa sonar logs")


def _sockets(places: Places) -> list[Path]:
    state = read_state(places.state)
    recorded = [Path(state.socket)] if state is not None else []
    return list(dict.fromkeys([*recorded, places.socket]))


def _is_outdated(found: Running) -> bool:
    return bool(found.skew) and _numbers(found.version) < _numbers(__version__)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


@contextmanager
def _starting(places: Places, give_up_s: float) -> Iterator[None]:
    prepare_folders(places)
    lock = take_lock(places.start_lock, wait_s=max(0.0, give_up_s - time.monotonic()))
    if lock is None:
        raise OutOfTime(
            f"Another command is still starting sonar. Its log is {places.log}.", hint="amalfa sonar status"
        )
    try:
        yield
    finally:
        lock.release()


def _asked_to_leave(places: Places, *, only_if_idle: bool = False) -> bool:
    for socket in _sockets(places):
        try:
            request(socket, "POST", "/sonar/shutdown", {"ifIdle": only_if_idle}, timeout_s=SHUTDOWN_TIMEOUT_S)
            return True
        except AmalfaError:
            continue
    return False


def _silent(places: Places, reason: str | Running) -> Unreachable:
    return Unreachable(
        f"Sonar (pid {owner_pid(places)}) is there but does not serve. {reason} Its log is {places.log}.",
        hint="amalfa sonar restart --force",
    )
