"""The running part of sonar: open the engine, listen, serve, obey signals, drain. The life lock is held by then."""

import asyncio
import faulthandler
import logging
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from socket import socket
from typing import Protocol

import anyio
from starlette.types import ASGIApp

from amalfa.daemon.front import Front
from amalfa.daemon.listener import Listener, adopt, bind_loopback, listen_privately
from amalfa.daemon.lock import HeldLock
from amalfa.daemon.log import learn_secrets
from amalfa.daemon.presence import LostPlace, Presence
from amalfa.daemon.process import descriptor_limit
from amalfa.daemon.state import State, remove_state, write_state
from amalfa.daemon.systemd import Supervisor
from amalfa.daemon.token import token_at, token_path
from amalfa.errors import AmalfaError
from amalfa.paths import Places
from amalfa.server.door import Door, DoorLimits
from amalfa.server.exchange import OWN_SHAPES, ErrorShapes
from amalfa.server.guard import HEALTH_PATH, Guard

_log = logging.getLogger(__name__)

GRACE_S = 10.0
GRACE_WITHOUT_PLACE_S = 2.0
FAREWELL_S = 1.0
CLOSE_LIMIT_S = 5.0
FIRST_ANSWER_S = 5.0
RESERVED_DESCRIPTORS = 64
POLL_S = 0.02


class Engine(Protocol):
    """What the process needs of sonar's engine. The routes need more of it."""

    @property
    def stop_requested(self) -> anyio.Event:
        """Set once a caller asked for the end of the process."""
        ...

    @property
    def running_calls(self) -> int: ...

    async def reload(self) -> object: ...

    def begin_drain(self) -> None:
        """Take no new work from now on; what runs goes on."""
        ...


@dataclass(frozen=True, slots=True)
class Works:
    """What this process serves: the engine and the routes over it, and where else than on the socket.

    `http_address` is a loopback (host, port) of `sonar.http`, None while that is off. `shapes` is how errors look
    that arise before the routes are reached.
    """

    engine: Engine
    app: ASGIApp
    http_address: tuple[str, int] | None = None
    shapes: ErrorShapes = OWN_SHAPES


OpenWorks = Callable[[str], AbstractAsyncContextManager[Works]]
"""Opens everything, given the nonce of this process."""


@dataclass(frozen=True, slots=True)
class Berth:
    """Where this process runs: its files, its lock, what it says of itself, and who watches over it.

    `passed_descriptor` is a socket handed over by the supervisor. `announce` is called once when sonar answers.
    """

    places: Places
    lock: HeldLock
    state: State
    supervisor: Supervisor
    passed_descriptor: int | None
    announce: Callable[[State], None]


@dataclass(slots=True)
class Ending:
    """Whether and how the process should end. Before there is anything to drain, `abandon_start` ends it at once."""

    abandon_start: Callable[[], None]
    grace_s: float
    wanted: anyio.Event = field(default_factory=anyio.Event)
    forced: anyio.Event = field(default_factory=anyio.Event)
    lost_place: LostPlace | None = None
    is_serving: bool = False

    def ask(self) -> None:
        """Ask for the end; whoever asks a second time does not want to wait."""
        if self.wanted.is_set():
            self.forced.set()
        self.wanted.set()
        if not self.is_serving:
            self.abandon_start()


async def live(berth: Berth, open_works: OpenWorks) -> None:
    """Serve until asked to stop. Raises LostPlace when nobody can find this process, and what the engine raises."""
    with anyio.CancelScope() as life:
        ending = Ending(abandon_start=life.cancel, grace_s=GRACE_S)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ending.ask)
        try:
            async with open_works(berth.state.nonce) as works:
                ending.is_serving = True
                await _serve(berth, works, ending)
                # Only the engine's own closing is left now, and it must not keep a dead process around.
                life.deadline = anyio.current_time() + CLOSE_LIMIT_S
                faulthandler.dump_traceback_later(CLOSE_LIMIT_S + FAREWELL_S, exit=True)
        finally:
            remove_state(berth.places.state, berth.state.nonce)
    faulthandler.cancel_dump_traceback_later()
    if ending.lost_place is not None:
        raise ending.lost_place


async def _serve(berth: Berth, works: Works, ending: Ending) -> None:
    engine = works.engine
    port = _open_port(berth, works)
    token = port.token if port else None
    guard = Guard(works.app, end_is_near=engine.stop_requested.is_set, token=token, shapes=works.shapes)
    front = Front(guard, _door())
    listener = _listen(berth)
    state = replace(berth.state, socket=str(listener.path))
    write_state(berth.places.state, state)
    presence = Presence(berth.places, berth.lock, state, listener, front.move_to)
    try:
        async with anyio.create_task_group() as serving:
            serving.start_soon(front.serve, [listener.socket])
            await front.wait_until_listening()
            if port is not None:
                await front.listen_also(port.listener)
            await _check_answer(listener)
            async with anyio.create_task_group() as watching:
                watching.start_soon(_stop_when_asked_to, engine, ending)
                watching.start_soon(_reload_on_hang_up, engine, berth.supervisor)
                watching.start_soon(_stay_findable, presence, berth.supervisor, ending)
                berth.supervisor.tell("READY=1")
                berth.announce(state)
                await ending.wanted.wait()
                watching.cancel_scope.cancel()
            berth.supervisor.tell("STOPPING=1")
            await _drain(guard, engine, ending)
            front.leave()
    finally:
        presence.listener.remove_name()


def _door() -> Door:
    usual = DoorLimits()
    connections = max(16, min(usual.connections, descriptor_limit() - RESERVED_DESCRIPTORS))
    return Door(limits=replace(usual, connections=connections, connections_per_peer=max(12, connections * 3 // 4)))


def _listen(berth: Berth) -> Listener:
    if berth.passed_descriptor is not None:
        return adopt(berth.passed_descriptor)
    return listen_privately(berth.places.socket, folder=berth.places.folder)


@dataclass(frozen=True, slots=True)
class _Port:
    """The optional HTTP port and what opens it."""

    listener: socket
    token: str


def _open_port(berth: Berth, works: Works) -> _Port | None:
    if works.http_address is None:
        return None
    token = token_at(token_path(berth.places.folder))
    learn_secrets([token])
    return _Port(listener=bind_loopback(*works.http_address), token=token)


async def _check_answer(listener: Listener) -> None:
    """Call ourselves: only what a client would see counts as ready."""
    with anyio.move_on_after(FIRST_ANSWER_S):
        async with await anyio.connect_unix(listener.path) as caller:
            await caller.send(f"GET {HEALTH_PATH} HTTP/1.1\r\nHost: sonar\r\nConnection: close\r\n\r\n".encode())
            if (await caller.receive()).startswith(b"HTTP/1.1 200 "):
                return
    raise AmalfaError("Sonar started but does not answer on its own socket.", hint="amalfa sonar logs")


async def _stop_when_asked_to(engine: Engine, ending: Ending) -> None:
    await engine.stop_requested.wait()
    ending.ask()


async def _reload_on_hang_up(engine: Engine, supervisor: Supervisor) -> None:
    with anyio.open_signal_receiver(signal.SIGHUP) as signals:
        async for _ in signals:
            supervisor.tell_reloading()
            try:
                await engine.reload()
            except AmalfaError as error:
                _log.warning("the configuration was not reloaded", extra={"reason": str(error)})
            supervisor.tell("READY=1")


async def _stay_findable(presence: Presence, supervisor: Supervisor, ending: Ending) -> None:
    def show_life() -> None:
        if supervisor.wants_heartbeat:
            supervisor.tell("WATCHDOG=1")

    try:
        await presence.watch(show_life)
    except LostPlace as error:
        _log.error("sonar ends because it cannot be found any more", extra={"reason": error.message})
        ending.lost_place, ending.grace_s = error, GRACE_WITHOUT_PLACE_S
        ending.ask()


async def _drain(guard: Guard, engine: Engine, ending: Ending) -> None:
    guard.begin_drain()
    engine.begin_drain()
    with anyio.move_on_after(ending.grace_s):
        # Two counters of two owners, watched once in the life of a process: not worth an event in each.
        while (guard.running_requests or engine.running_calls) and not ending.forced.is_set():  # noqa: ASYNC110
            await anyio.sleep(POLL_S)
    guard.cancel_running()
    with anyio.move_on_after(FAREWELL_S):
        while guard.running_requests:  # noqa: ASYNC110  # as above
            await anyio.sleep(POLL_S)
