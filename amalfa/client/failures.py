"""Turns what sonar says went wrong into an error of this process. Loaded only when something did."""

from amalfa.client.connection import PROBLEMS_HEADER
from amalfa.client.document import Document
from amalfa.errors import EXIT_CODES, AmalfaError, OutOfTime, Problem, Unreachable


class RemoteError(AmalfaError):
    """A failure that sonar reported. `code` is its word for it, and the exit code follows from that.

    `problems` is filled for a configuration, `route` where models were tried (an empty document otherwise).
    `retry_after_s` is None unless sonar named a time to come back. `config_problems` counts what is wrong with the
    configuration file of that sonar, whatever the failure was about.
    """

    def __init__(self, told: Document, *, retry_after_s: int | None = None, config_problems: int = 0) -> None:
        super().__init__(told.text("message") or "Sonar reported a failure without a reason.", hint=told.text("hint"))
        self.code = told.text("code") or "internal"  # type: ignore[misc]  # one class here, many codes on the wire
        self.exit_code = EXIT_CODES.get(self.code, 1)  # type: ignore[misc]  # follows from the code
        self.problems = tuple(problem_from(item) for item in told.items("problems"))
        self.route = told.item("route")
        self.retry_after_s = retry_after_s
        self.config_problems = config_problems


class Silent(Unreachable):
    """Something holds the socket, and not one byte came from it within the time it was given."""


def problem_from(told: Document) -> Problem:
    """One entry of a `problems` list; a line of None means no line of a file is to blame."""
    return Problem(path=told.text("path"), line=told.whole("line"), message=told.text("message"))


def error_of(status: int, headers: dict[str, str], body: object) -> RemoteError:
    """The error of a reply whose status is 400 or more, whether or not its body is sonar's own JSON."""
    told = Document(body).item("error")
    if not told.text("message"):
        told = Document(
            {
                "code": "internal",
                "message": f"Sonar refused the request with HTTP {status}.",
                "hint": "amalfa sonar logs",
            }
        )
    return RemoteError(
        told, retry_after_s=_number(headers, "retry-after"), config_problems=_number(headers, PROBLEMS_HEADER) or 0
    )


def _number(headers: dict[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdecimal() and text.isascii() else None


def silent(socket_path: str, waited_s: float) -> Silent:
    """Something holds the socket and says nothing."""
    return Silent(
        f"Sonar does not answer on {socket_path} (waited {waited_s:.1f} s).", hint="amalfa sonar restart --force"
    )


def garbled(socket_path: str, what: str) -> Unreachable:
    """Something answers, but not the way sonar does."""
    return Unreachable(f"What answers on {socket_path} {what}.", hint="amalfa sonar restart --force")


def cut_off(socket_path: str) -> Unreachable:
    """The connection ended before the reply did: sonar died or was killed."""
    return Unreachable(f"Sonar on {socket_path} went away in the middle of its reply.", hint="amalfa sonar logs")


def too_late(limit_s: float) -> OutOfTime:
    """Sonar lives and works, but the caller's own limit is over."""
    return OutOfTime(f"No whole answer within {limit_s:g} s.", hint="allow more with --timeout SECONDS")
