"""One GET to an HTTP server, without credentials, within two seconds. For looking whether somebody is there."""

import json
import socket
from urllib.parse import urlsplit

from amalfa.client.framing import CutOff, NotHttp, ReplyReader

TIMEOUT_S = 2.0
MAX_BYTES = 8 * 1024 * 1024


class ProbeFailed(Exception):
    """Nobody usable is there; the text completes "The server …"."""


def get_json(url: str, *, timeout_s: float = TIMEOUT_S) -> object:
    """The JSON at `url`. Raises ProbeFailed for anything else; follows no redirect."""
    parts = urlsplit(url)
    host, is_https = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_https else 80)
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as plain:
            return _asked(_encrypted(plain, host) if is_https else plain, parts.netloc, parts.path or "/")
    except TimeoutError:
        raise ProbeFailed(f"does not answer within {timeout_s:g} s") from None
    except ConnectionRefusedError:
        raise ProbeFailed("refuses connections") from None
    except socket.gaierror:
        raise ProbeFailed("has a name that cannot be resolved") from None
    except OSError as error:
        raise ProbeFailed(f"cannot be reached: {error.strerror or error}") from None


def _asked(connected: socket.socket, host: str, path: str) -> object:
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    connected.sendall(head.encode("latin-1", "replace"))
    reader = ReplyReader(lambda: connected.recv(65536))
    try:
        reader.read_head()
        if reader.status != 200:
            raise ProbeFailed(f"answers HTTP {reader.status}")
        return json.loads(_body(reader))
    except (NotHttp, CutOff, ValueError, RecursionError):
        raise ProbeFailed("answers, but not as Ollama does") from None


def _body(reader: ReplyReader) -> bytes:
    pieces, size = list[bytes](), 0
    for piece in reader.body():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            raise ProbeFailed("sends more than a list of models can be")
    return b"".join(pieces)


def _encrypted(plain: socket.socket, host: str) -> socket.socket:
    import ssl

    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
