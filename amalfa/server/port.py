"""What a caller on the optional TCP port must show: an exact host name, no trace of a browser, the token.

The kernel vouches for nobody there, and every web page that its user opens can send requests to it.
"""

import hmac
import logging
from dataclasses import dataclass

import anyio

from amalfa.errors import Busy, NotAllowed, Unauthenticated
from amalfa.server.exchange import Exchange

_log = logging.getLogger(__name__)

STANDARD_PORT = 80
WRONG_TOKENS_PER_WINDOW = 30
WINDOW_S = 60.0
_HINT = "send Authorization: Bearer TOKEN; `amalfa sonar token` prints it"


def refuse_other_names(exchange: Exchange) -> None:
    """Raise NotAllowed unless the request names this port at this machine, in one Host header.

    A page that rebinds a name of its own to 127.0.0.1 still sends that name.
    """
    named = exchange.headers(b"host")
    if len(named) != 1 or named[0].strip().lower() not in names_of(exchange.local_port):
        raise NotAllowed("This host name is not sonar's.", hint=f"call http://127.0.0.1:{exchange.local_port}/")


def names_of(port: int) -> frozenset[bytes]:
    """Every Host that a caller on this port may send, in lower case."""
    names = (b"localhost", b"127.0.0.1", b"[::1]")
    with_port = {b"%s:%d" % (name, port) for name in names}
    return frozenset(with_port.union(names) if port == STANDARD_PORT else with_port)


def refuse_browsers(exchange: Exchange) -> None:
    """Raise NotAllowed for anything that a web page sends along: sonar serves no page, so none is its own."""
    if exchange.headers(b"origin") or exchange.headers(b"sec-fetch-site"):
        raise NotAllowed("Web pages may not call sonar.", hint="call it from a program, without Origin")


@dataclass(slots=True)
class _Window:
    """What was refused since `began_s`, so that nobody can fill the log or try tokens at speed."""

    began_s: float = float("-inf")
    wrong: int = 0
    refused: int = 0


class TokenCheck:
    """Compares what callers show with the token. None as the token turns everybody away."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._window = _Window()

    def refuse_without(self, exchange: Exchange) -> None:
        """Raise Unauthenticated when the token is missing or wrong, Busy when it was wrong too often lately.

        The right token is served however many wrong ones were shown.
        """
        shown = _bearer(exchange)
        if self._token is not None and hmac.compare_digest(shown, self._token.encode()):
            return
        self._note_refusal()
        self._window.wrong += bool(shown)
        if self._window.wrong > WRONG_TOKENS_PER_WINDOW:
            raise Busy(
                "Too many wrong tokens were shown.", hint=f"{_HINT}, and wait a minute", retry_after_s=int(WINDOW_S)
            )
        raise Unauthenticated("The token is missing or wrong.", hint=_HINT)

    def _note_refusal(self) -> None:
        now_s = anyio.current_time()
        if now_s - self._window.began_s >= WINDOW_S:
            before, self._window = self._window, _Window(now_s)
            _log.warning(
                "a caller on the port showed no valid token", extra={"more_before": max(0, before.refused - 1)}
            )
        self._window.refused += 1


def _bearer(exchange: Exchange) -> bytes:
    """The token of the one Authorization header, b"" for anything else."""
    shown = exchange.headers(b"authorization")
    scheme, _, token = shown[0].strip().partition(b" ") if len(shown) == 1 else (b"", b"", b"")
    return token.strip() if scheme.lower() == b"bearer" else b""
