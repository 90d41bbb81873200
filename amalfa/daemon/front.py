"""uvicorn the way sonar uses it: on sockets it is handed, without signal handlers of its own, ended by a word."""

import asyncio
import contextlib
from collections.abc import Generator
from socket import socket

import anyio
import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from amalfa.daemon.listener import BACKLOG
from amalfa.server.door import Door
from amalfa.server.protocol import guarded_protocol

LAST_WORDS_S = 1
"""Time for replies that are already written to reach their callers, when everything else is over."""


class Front(uvicorn.Server):
    """Serves one ASGI app until `leave` is called."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=guarded_protocol(door),
                ws="none",
                lifespan="off",
                interface="asgi3",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                log_config=None,
                access_log=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=LAST_WORDS_S,
            )
        )
        self._listening = anyio.Event()
        self._leaving = anyio.Event()

    async def wait_until_listening(self) -> None:
        await self._listening.wait()

    def leave(self) -> None:
        """Close the listeners and idle connections now, the others after `LAST_WORDS_S`."""
        self.should_exit = True
        self._leaving.set()

    async def listen_also(self, listener: socket) -> None:
        """Accept on one more socket."""
        self.servers.append(await self._accept_on(listener))

    async def move_to(self, listener: socket) -> None:
        """Accept on this socket instead of the first one; connections that exist stay."""
        first, self.servers[0] = self.servers[0], await self._accept_on(listener)
        first.close()

    async def _accept_on(self, listener: socket) -> asyncio.Server:
        config = self.config

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(config=config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]  # uvicorn's own protocols take these

        return await asyncio.get_running_loop().create_server(protocol, sock=listener, backlog=BACKLOG)

    @override
    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()

    @override
    async def main_loop(self) -> None:
        # The original wakes ten times a second for a Date header and a request count that are both off here.
        await self._leaving.wait()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # The original raises SIGTERM again when it is done, which turns an orderly end into exit status -15.
        yield
