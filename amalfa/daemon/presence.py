"""Keeps a running sonar findable: notices when its lock, state or socket went missing, and mends or gives up."""

import logging
from collections.abc import Awaitable, Callable
from socket import socket

import anyio

from amalfa.daemon.listener import Listener, bind_private
from amalfa.daemon.lock import HeldLock, take_lock
from amalfa.daemon.state import State, read_state, write_state
from amalfa.errors import AmalfaError
from amalfa.paths import Places

_log = logging.getLogger(__name__)

CHECK_EVERY_S = 2.0
LOCK_TRIES = 2


class LostPlace(AmalfaError):
    """Nobody can find this sonar any more, or another one has its place."""


class Presence:
    """What tells the world about this process: the life lock, the state file and the socket.

    `move_to` makes the server accept on another socket.
    """

    def __init__(
        self,
        places: Places,
        lock: HeldLock,
        state: State,
        listener: Listener,
        move_to: Callable[[socket], Awaitable[None]],
    ) -> None:
        self.listener = listener
        self._places = places
        self._lock = lock
        self._note = state.lock_note
        self._state = state
        self._move_to = move_to
        self._failed_locks = 0

    async def watch(self, each_time: Callable[[], None]) -> None:
        """Check for ever, calling `each_time` after every good look. Raises LostPlace when nothing helps."""
        while True:
            await anyio.sleep(CHECK_EVERY_S)
            try:
                await self.mend()
            except LostPlace:
                raise
            except (AmalfaError, OSError) as error:
                raise LostPlace(f"Sonar lost its place: {error}") from error
            each_time()

    async def mend(self) -> None:
        """Look once, and put back what is missing."""
        if not self._lock.is_in_place():
            self._lock_again()
        found = read_state(self._places.state)
        if found is None or found.nonce != self._state.nonce:
            write_state(self._places.state, self._state)
        if not self.listener.is_in_place():
            await self._listen_again()

    def _lock_again(self) -> None:
        fresh = take_lock(self._places.life_lock)
        if fresh is not None:
            _log.warning("the life lock was gone and has been taken again")
            fresh.note(self._note)
            self._lock.release()
            self._lock, self._failed_locks = fresh, 0
            return
        # Whoever took the new lock file finds our socket alive and gives up; so one failure proves nothing yet.
        self._failed_locks += 1
        if self._failed_locks >= LOCK_TRIES or not self.listener.is_in_place():
            raise LostPlace("Another process holds the life lock of this project.")

    async def _listen_again(self) -> None:
        if self.listener.birth is None:
            raise LostPlace(f"The socket {self.listener.path}, which a supervisor handed over, is gone.")
        fresh = bind_private(self.listener.path)
        await self._move_to(fresh.socket)
        _log.warning("the socket was gone and has been put back", extra={"socket": str(fresh.path)})
        self.listener = fresh
