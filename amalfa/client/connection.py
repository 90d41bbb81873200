"""Speaks HTTP with sonar over its Unix socket, with nothing but socket and json. Starts no daemon and retries nothing.

A request never half-closes its side: a server cannot tell that from a client that has gone away.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator

from amalfa.client.events import EventTooLarge, read_events
from amalfa.client.framing import CutOff, NotHttp, ReplyReader

MAX_BODY_BYTES = 64 * 1024 * 1024
SILENCE_S = 45.0
"""A stream says at least `: ping` every 15 s, so three missed ones mean that nobody is there."""

PROBLEMS_HEADER = "x-amalfa-config-problems"

Event = tuple[str, object]


class Reply:
    """A whole reply below 400: header names in lower case, the body parsed (None when it is empty)."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: object) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Stream:
    """The events of one running request, in order, each as soon as it is there.

    Closing it, or leaving its `with` block, hangs up, and sonar then cancels the work.
    """

    __slots__ = ("_events", "_hang_up", "headers")

    def __init__(
        self, headers: dict[str, str], events: Iterator[Event], hang_up: Callable[[], None] | None = None
    ) -> None:
        self.headers = headers
        self._events = events
        self._hang_up = hang_up

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        close = getattr(self._events, "close", None)
        if close is not None:
            close()

    def hang_up(self) -> None:
        """End the request from another thread: whoever waits for its next event gets Unreachable instead."""
        if self._hang_up is not None:
            self._hang_up()


class SocketConnection:
    """Sonar at one socket. Each request dials anew, so one object outlives restarts of the daemon."""

    __slots__ = ("socket_path",)

    def __init__(self, socket_path: str | os.PathLike[str]) -> None:
        self.socket_path = os.fspath(socket_path)

    def request(self, method: str, path: str, body: object = None, *, timeout_s: float = 30.0) -> Reply:
        return request(self.socket_path, method, path, body, timeout_s=timeout_s)

    def stream(self, method: str, path: str, body: object = None, *, timeout_s: float | None = None) -> Stream:
        return stream(self.socket_path, method, path, body, timeout_s=timeout_s)


def request(
    socket_path: str | os.PathLike[str], method: str, path: str, body: object = None, *, timeout_s: float = 30.0
) -> Reply:
    """Send one request and read the whole reply, all within `timeout_s`.

    Raises NotRunning (the socket is absent or refuses), Unreachable (anything else that keeps an answer
    from coming, silence included) and RemoteError for a reply of 400 or more.
    """
    line = _Line(os.fspath(socket_path), silence_s=timeout_s, timeout_s=timeout_s)
    try:
        reader = line.ask(method, path, body, accept="application/json")
        return Reply(reader.status, reader.headers, _parsed(line, reader))
    except (NotHttp, CutOff) as error:
        raise line.translate(error) from None
    finally:
        line.close()


def stream(
    socket_path: str | os.PathLike[str], method: str, path: str, body: object = None, *, timeout_s: float | None = None
) -> Stream:
    """Send one request and hand out its events while they come; the same errors as `request`, some of them later.

    `timeout_s` bounds the whole exchange (OutOfTime when sonar is alive and just not done), None leaves that
    to sonar. Silence of `SILENCE_S` is Unreachable. A plain JSON reply comes as `output` and `done`. Data of
    each event is parsed; the iteration ends at `done` or after `error`, and an end without either raises
    Unreachable.
    """
    line = _Line(os.fspath(socket_path), silence_s=SILENCE_S, timeout_s=timeout_s)
    try:
        reader = line.ask(method, path, body, accept="text/event-stream")
    except BaseException as error:
        line.close()
        if isinstance(error, NotHttp | CutOff):
            raise line.translate(error) from None
        raise
    return Stream(reader.headers, _events(line, reader), line.hang_up)


def _events(line: "_Line", reader: ReplyReader) -> Iterator[Event]:
    try:
        if not reader.headers.get("content-type", "").startswith("text/event-stream"):
            yield "output", _parsed(line, reader)
            yield "done", {}
            return
        has_failed = False
        for name, data in read_events(reader.body()):
            yield name, _json(data)
            if name == "done":
                return
            has_failed = has_failed or name == "error"
        if not has_failed:
            raise CutOff
    except (NotHttp, CutOff, EventTooLarge) as error:
        raise line.translate(error) from None
    finally:
        line.close()


def _parsed(line: "_Line", reader: ReplyReader) -> object:
    pieces, size = [], 0
    for piece in reader.body():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise NotHttp("sends more than a reply may hold")
    text = b"".join(pieces)
    if reader.status < 400:
        return _json(text) if text else None
    from amalfa.client.failures import error_of

    try:
        body = _json(text) if text else None
    except NotHttp:
        body = None
    raise error_of(reader.status, reader.headers, body)


def _json(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NotHttp("does not send JSON") from None


class _Line:
    """One connected socket and the clocks that run on it. Knows how its failures are called."""

    __slots__ = ("_deadline_s", "_heard", "_silence_s", "_socket", "_timeout_s", "path")

    def __init__(self, path: str, *, silence_s: float, timeout_s: float | None) -> None:
        self.path = path
        self._silence_s = silence_s
        self._timeout_s = timeout_s
        self._deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        self._heard = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def ask(self, method: str, path: str, body: object, *, accept: str) -> ReplyReader:
        """Dial, send, and read the head of the reply; raises the RemoteError of a refusal."""
        self._dial()
        self._send(_request_bytes(method, path, body, accept=accept))
        reader = ReplyReader(self.receive)
        reader.read_head()
        if reader.status >= 400:
            _parsed(self, reader)
        return reader

    def receive(self) -> bytes:
        self._arm()
        try:
            piece = self._socket.recv(65536)
        except TimeoutError:
            raise self._timed_out() from None
        except ConnectionError:
            return b""
        self._heard = self._heard or bool(piece)
        return piece

    def close(self) -> None:
        self._socket.close()

    def hang_up(self) -> None:
        """Wake whoever reads, with the end of the connection. Safe from any thread, also after `close`."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is over already

    def translate(self, error: Exception) -> Exception:
        from amalfa.client import failures

        if isinstance(error, CutOff):
            return failures.cut_off(self.path)
        return failures.garbled(self.path, str(error) or "sends an endless event")

    def _dial(self) -> None:
        while True:
            self._arm()
            try:
                self._socket.connect(self.path)
                break
            except BlockingIOError:  # the backlog is full: somebody listens, and may catch up
                time.sleep(0.02)
            except TimeoutError:
                raise self._timed_out() from None
            except (FileNotFoundError, ConnectionRefusedError):
                from amalfa.errors import NotRunning

                raise NotRunning("Sonar is not running for this project.", hint="amalfa sonar start") from None
            except OSError as error:
                from amalfa.errors import Unreachable

                raise Unreachable(
                    f"The socket {self.path} cannot be used: {error.strerror or error}.", hint="amalfa doctor"
                ) from None
        self._check_owner()

    def _check_owner(self) -> None:
        # The socket may lie in a folder under /tmp, where another user could have been first.
        if not hasattr(socket, "SO_PEERCRED"):
            return
        credentials = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if int.from_bytes(credentials[4:8], sys.byteorder) != os.getuid():  # pid, uid, gid: 4 bytes each
            from amalfa.errors import Unreachable

            raise Unreachable(
                f"The socket {self.path} belongs to another user.", hint="set AMALFA_HOME to a folder of your own"
            )

    def _send(self, data: bytes) -> None:
        self._arm()
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise self._timed_out() from None
        except ConnectionError:
            pass  # the server may have answered and closed before it read everything; the answer says why

    def _arm(self) -> None:
        """Set the time the next step may take; raises when none is left."""
        left_s = self._silence_s
        if self._deadline_s is not None:
            left_s = min(left_s, self._deadline_s - time.monotonic())
        if left_s <= 0:
            raise self._timed_out()
        self._socket.settimeout(left_s)

    def _timed_out(self) -> Exception:
        from amalfa.client import failures

        is_late = (
            self._timeout_s is not None and self._deadline_s is not None and time.monotonic() >= self._deadline_s - 0.05
        )
        if self._heard and is_late and self._timeout_s is not None:
            return failures.too_late(self._timeout_s)
        return failures.silent(self.path, min(self._silence_s, self._timeout_s or self._silence_s))


def _request_bytes(method: str, path: str, body: object, *, accept: str) -> bytes:
    payload = b"" if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    kind = "" if body is None else "Content-Type: application/json\r\n"
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: sonar\r\nAccept: {accept}\r\nConnection: close\r\n"
        f"{kind}Content-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode("latin-1") + payload
