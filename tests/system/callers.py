"""Plain HTTP callers of a real sonar, over its socket and its TCP port, that may say anything in their headers."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Said:
    """A reply; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of sonar's own error."""
        return str(self.json["error"]["code"])


@dataclass(frozen=True, slots=True)
class Caller:
    """One way to sonar. `headers` are sent unless a call gives others of that name; None leaves one out."""

    place: Path | tuple[str, int]
    headers: Mapping[str, str]

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str | None] | None = None
    ) -> Said:
        """One request on a connection of its own; a body that is not bytes is sent as JSON."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if raw else {}
        told = {**kind, **self.headers, **(headers or {})}
        connection = http.client.HTTPConnection("unused", timeout=LIMIT_S)
        connection.sock = self._connect()
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in told.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(raw)))
            connection.endheaders(raw)
            reply = connection.getresponse()
            return Said(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def _connect(self) -> socket.socket:
        if isinstance(self.place, tuple):
            return socket.create_connection(self.place, LIMIT_S)
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.settimeout(LIMIT_S)
        connected.connect(str(self.place))
        return connected


def on_socket(path: Path) -> Caller:
    return Caller(path, {"Host": "sonar"})


def on_port(port: int, token: str, host: str = "127.0.0.1") -> Caller:
    """A program that holds the token."""
    name = f"[{host}]" if ":" in host else host
    return Caller((host, port), {"Host": f"{name}:{port}", "Authorization": f"Bearer {token}"})


def free_port() -> int:
    """A port of this machine that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
