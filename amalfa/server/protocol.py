"""One connection to sonar, up to the point where a request is whole: who calls, how slowly, how much. Knows no routes.

A client that half-closes its side after the request (`shutdown(SHUT_WR)`, as `socat` and `nc -N` do) still gets
its answer on the Unix socket. Over TCP the two kinds of closing cannot be told apart, so there it counts as gone.
"""

import asyncio
import json
import logging
import select
import socket
from collections.abc import Mapping
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from amalfa.server.door import UNIX, Door, Line, peer_of

_log = logging.getLogger(__name__)

HANGUP_CHECK_S = 0.25

_LAPSES = {
    400: ("usage", "The request is not HTTP/1.1.", "speak HTTP/1.1 to this socket"),
    408: ("timeout", "The request did not arrive in time.", "send the whole request at once"),
    429: ("busy", "This process has too many connections to sonar.", "close some, or wait a moment"),
    431: ("too_large", "The head of the request is too large.", "send fewer and shorter headers"),
}
_PHRASES = {
    400: "Bad Request",
    408: "Request Timeout",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
}


def guarded_protocol(door: Door) -> type["GuardedProtocol"]:
    """The protocol class for a server behind this door."""
    return type("GuardedProtocol", (GuardedProtocol,), {"door": door})


def line_of(scope: Mapping[str, Any]) -> Line:
    """The line of a request that came through a GuardedProtocol."""
    line: Line = scope["line"]
    return line


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol plus the clocks and counts it lacks. Made by `guarded_protocol`, never directly."""

    door: Door

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._who = ""
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._hangup_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_began_now = False
        self._head_bytes = 0
        self._open_cycles: list[RequestResponseCycle] = []

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)  # before any abort(): connection_lost needs its fields
        connected = transport.get_extra_info("socket")
        peer = peer_of(connected)
        if peer is not None and peer.uid != self.door.uid:
            _log.warning("refused a connection of another user", extra={"peer_uid": peer.uid, "peer_pid": peer.pid})
            transport.abort()
            return
        who = "tcp"
        if connected.family == socket.AF_UNIX:
            self.client = (UNIX, peer.pid if peer is not None else 0)
            who = f"pid {self.client[1]}"
        if not self.door.admit(who):
            self._refuse(429)
            return
        self._who = who
        transport.set_write_buffer_limits(high=self.door.limits.unread_bytes)
        self._await_head()

    @override
    def data_received(self, data: bytes) -> None:
        self._head_began_now = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and not self._head_began_now:
            # Headers are reported when complete; this is what bounds one that never is.
            self._head_bytes += len(data)
            if self._head_bytes > self.door.limits.head_bytes:
                self._refuse(431)
        elif self._head_timer is None and not self._is_answering():
            # Bytes that begin nothing (empty lines, the rest of a body nobody wants) must not keep the line open.
            self._await_head()

    @override
    def eof_received(self) -> bool:  # type: ignore[override]  # True keeps the sending side open
        if not self._is_answering() or self.cycle.more_body or self._has_hung_up():
            return False
        self.cycle.keep_alive = False
        self._watch_for_hangup()
        return True

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head_timer, self._body_timer, self._hangup_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        if self._who:
            self.door.leave(self._who)
        # uvicorn tells only the newest of several pipelined requests that its caller is gone.
        for cycle in self._open_cycles:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
                if (tell := line_of(cycle.scope).on_hang_up) is not None:
                    tell()
        super().connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["line"] = Line()  # type: ignore[typeddict-unknown-key]  # the guard's own extension
        self._await_head()
        self._head_began_now = True

    @override
    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_head(len(url))

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count_head(len(name) + len(value))

    @override
    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        self._in_head = False
        if not self.url.startswith(b"/"):
            # Sonar is no proxy: "http://host/path", "host:port" and "*" become paths that no route has.
            self.url = b"/" + self.url
        super().on_headers_complete()
        self._open_cycles = [cycle for cycle in self._open_cycles if not cycle.response_complete]
        self._open_cycles.append(self.cycle)
        if len(self._open_cycles) > 1:
            self._watch_for_hangup()  # uvicorn stops reading now, and with that no longer sees the end
        if len(self._open_cycles) > self.door.limits.pipelined:
            self.transport.abort()
        self._await_body()

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._body_timer is not None:
            self._body_timer.cancel()

    @override
    def on_response_complete(self) -> None:
        if self.transport.get_write_buffer_size():
            self._expect_reading()
        super().on_response_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(400)

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        limits = self.door.limits
        if self._head_bytes > limits.head_bytes or len(self.headers) > limits.head_fields:
            self._refuse(431)
            raise ValueError("request head too large")  # stops the parser

    def _await_head(self) -> None:
        self._stop_head_timer()
        self._in_head, self._head_bytes = True, 0
        self._head_timer = self.loop.call_later(self.door.limits.head_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._is_answering():  # a pipelined head waits behind a running answer
            self._head_timer = self.loop.call_later(self.door.limits.head_timeout_s, self._head_is_late)
        else:
            self._refuse(408)

    def _await_body(self) -> None:
        self._body_timer = self.loop.call_later(self.door.limits.body_timeout_s, self._body_is_late)

    def _body_is_late(self) -> None:
        if (tell := line_of(self.cycle.scope).on_late_body) is not None:
            tell()
        else:  # it waits behind a running answer, and nobody has begun to read it
            self._await_body()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: int) -> None:
        if self.transport.is_closing():
            return
        if self._is_answering():
            self.transport.abort()  # anything written now would land inside the running answer
            return
        code, message, hint = _LAPSES[status]
        body = json.dumps({"error": {"code": code, "message": message, "hint": hint}}).encode()
        retry = "retry-after: 1\r\n" if status == 429 else ""
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _watch_for_hangup(self) -> None:
        if self._hangup_timer is None:
            self._hangup_timer = self.loop.call_later(HANGUP_CHECK_S, self._check_for_hangup)

    def _check_for_hangup(self) -> None:
        self._hangup_timer = None
        if self._has_hung_up():
            self.transport.abort()
        elif self._is_answering():
            self._watch_for_hangup()

    def _has_hung_up(self) -> bool:
        """Whether the caller closed both directions; on TCP that cannot be known and is assumed."""
        connected = self.transport.get_extra_info("socket")
        if connected.family != socket.AF_UNIX:
            return True
        poll = select.poll()
        poll.register(connected.fileno(), 0)
        return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))

    def _expect_reading(self) -> None:
        if self._unread_timer is None:
            waiting = self.transport.get_write_buffer_size()
            self._unread_timer = self.loop.call_later(self.door.limits.unread_timeout_s, self._check_reading, waiting)

    def _check_reading(self, before: int) -> None:
        self._unread_timer = None
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            return
        if before - waiting < self.door.limits.unread_progress_bytes:
            self.transport.abort()
        else:
            self._expect_reading()
