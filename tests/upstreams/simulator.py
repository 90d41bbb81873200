"""What both simulators share: start and stop on one port, the script, and the record of every request."""

import asyncio
import contextlib
import json
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from typing_extensions import override

from amalfa.clock import Clock, SystemClock
from tests.upstreams.http_server import Exchange, HttpServer, Request, reset
from tests.upstreams.script import Script, Step

# A long benchmark must not fill the memory with what it sent.
_REMEMBERED = 20_000

_SECRET = re.compile(r"(?i)\b(bearer|basic)\s+\S+|\bsk-[\w-]{6,}")


@dataclass(slots=True)
class Received:
    """One request and what became of it.

    `headers` hold the credentials in full, for tests that check them; printing a Received masks them.
    `has_left` = the client hung up before the answer was complete; `bytes_sent` counts head and body.
    """

    n: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    at_s: float = field(repr=False)
    status: int | None = None
    bytes_sent: int = 0
    has_left: bool = False

    @property
    def json(self) -> Any:
        """The body parsed; None when it is empty or no JSON."""
        with contextlib.suppress(ValueError):
            return json.loads(self.body)
        return None

    @override
    def __str__(self) -> str:
        """For people: everything, with keys masked."""
        headers = ", ".join(f"{name}: {masked(value)}" for name, value in self.headers.items())
        return f"#{self.n} {self.method} {self.path} [{headers}] {masked(self.body.decode('utf-8', 'replace'))}"


def masked(text: str) -> str:
    return _SECRET.sub(lambda match: match[0][:6] + "…", text)


class Simulator:
    """A loopback HTTP service driven by a script. Subclasses answer; this class listens and remembers.

    `requests` are the latest ones, at least 10,000 of them; `received` counts all.

    Use it as `async with`, or hand it to `threads.running_in_thread`. A bug in the simulator itself is
    answered with status 599 and raised again by `stop`.
    """

    known_errors: frozenset[str] = frozenset()
    """The names a step's `error` may have."""

    def __init__(self, *, port: int = 0, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.requests: list[Received] = []
        self.received = 0
        self.problems: list[BaseException] = []
        self._script = Script(self.known_errors)
        self._under_way = 0
        self._settled = asyncio.Event()
        self._server = HttpServer(self._answer_and_record, self._admit, port=port)

    @property
    def port(self) -> int:
        """The port it listens on; 0 before the first start unless one was asked for."""
        return self._server.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted so far."""
        return self._server.connections

    @property
    def disconnects(self) -> list[Received]:
        """The requests whose client left before the answer was complete, with `bytes_sent` until then."""
        return [request for request in self.requests if request.has_left]

    def requests_to(self, path: str) -> list[Received]:
        return [request for request in self.requests if request.path == path]

    def script(self, key: str, *steps: Any, then: Any = None) -> None:
        """Queue steps for a model, a path, `*` (any inference), `connect` or `load`; see README.md.

        Steps are mappings, bare strings (`{"text": …}`) or `Step`s; `then` stays in force after them.
        """
        self._script.add(key, steps, then)

    def load_script(self, path: Path) -> None:
        """Queue the steps of a JSON file. Raises BadScript."""
        self._script.load(path)

    def clear_script(self) -> None:
        self._script.clear()

    async def start(self) -> None:
        """Listen; after a `stop` on the same port as before."""
        await self._server.start()

    async def stop(self) -> None:
        """Refuse connections from now on and drop the open ones. Raises the first bug met while answering."""
        await self._server.stop()
        if self.problems:
            raise self.problems.pop(0)

    async def idle(self, within_s: float = 5.0) -> None:
        """Wait until no answer is under way, so that counts and disconnects are final. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while self._under_way:
                self._settled.clear()
                await self._settled.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request; subclasses say how."""
        raise AssertionError(f"{type(self).__name__} does not answer {exchange.request.path}")

    async def _answer_and_record(self, exchange: Exchange) -> None:
        received = self._record(exchange.request)
        self._under_way += 1
        try:
            await self.answer(exchange)
        except (asyncio.CancelledError, ConnectionError) as end:
            received.has_left = exchange.is_client_gone or isinstance(end, ConnectionError)
            raise
        except Exception as problem:
            self.problems.append(problem)
            if not exchange.has_begun:
                await exchange.whole(599, (("Content-Type", "text/plain"),), traceback.format_exc().encode())
        finally:
            received.status, received.bytes_sent = exchange.status, exchange.bytes_sent
            self._under_way -= 1
            self._settled.set()

    def _record(self, request: Request) -> Received:
        self.received += 1
        if len(self.requests) >= _REMEMBERED:
            del self.requests[: _REMEMBERED // 2]
        received = Received(
            n=self.received,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=dict(request.headers),
            body=request.body,
            at_s=self.clock.monotonic_s(),
        )
        self.requests.append(received)
        return received

    async def _admit(self, writer: asyncio.StreamWriter) -> bool:
        step = self._script.take("connect")
        if step is None:
            return True
        await asyncio.sleep(step.delay_ms / 1000)
        if step.fault_named("reset"):
            reset(writer)
            return False
        if step.fault_named("hang"):
            await asyncio.Event().wait()
        return step.fault_named("close") is None

    def take_step(self, *keys: str) -> Step:
        """The next scripted step of the first key that has one, else the empty step."""
        return self._script.take(*keys) or Step()


def listed(names: Iterable[str] | str) -> list[str]:
    """Names from a comma-separated text or any iterable, blanks and empties dropped."""
    parts = names.split(",") if isinstance(names, str) else names
    return [part.strip() for part in parts if part.strip()]
