"""One tree of failures. Each class fixes its code, exit code and HTTP status; nothing else decides them.

AmalfaError
|-- UsageProblem            the request itself is wrong
|-- NotRunning, Unreachable no daemon answers
|-- NothingFound            the notes do not hold the answer
|-- InvalidConfig, UntrustedConfig
|-- Busy, OverBudget, ShuttingDown
|-- Unserved                no whole answer: OutOfTime, NoProvider, BrokenOff
`-- CallError               one attempt at one provider failed (see below)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:  # 9 ms that every command of the client would pay for two annotations
    from amalfa.calls import Route, Usage


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file, where an editor can jump to it.

    `line` counts from 1; None means the value did not come from a line of a file.
    """

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.message}"


class AmalfaError(Exception):
    """Something a person can be told: what happened (`message`) and what to do (`hint`, "" for nothing).

    Messages and hints are shown, logged and stored; they never hold a key or a note's text.
    """

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        ending = "" if self.message.endswith((".", "!", "?", ")")) else "."
        return f"{self.message}{ending} Fix: {self.hint}"


class UsageProblem(AmalfaError):
    """The caller asked for something that cannot be: a wrong value, an unknown model, a missing file."""

    code, exit_code, http_status = "usage", 2, 400


class NotFound(UsageProblem):
    """The thing named in the request does not exist."""

    code, http_status = "not_found", 404


class NotAllowed(UsageProblem):
    """The guard in front of the routes turned the request away."""

    code, http_status = "not_allowed", 403


class Unauthenticated(UsageProblem):
    """A caller on the TCP port did not show the token."""

    code, http_status = "unauthenticated", 401


class KeyReused(UsageProblem):
    """An idempotency key came a second time with another request."""

    code, http_status = "idempotency_mismatch", 422


class TooLarge(UsageProblem):
    """The request is bigger than any request may be; nothing of it was kept."""

    code, http_status = "too_large", 413


class NotRunning(AmalfaError):
    """No sonar listens for this project: the socket is absent or refuses connections."""

    code, exit_code, http_status = "not_running", 3, 503


class Unreachable(AmalfaError):
    """A sonar process exists but does not answer."""

    code, exit_code, http_status = "unreachable", 3, 503


class NothingFound(AmalfaError):
    """The notes hold too little to answer from; no model was asked."""

    code, exit_code, http_status = "nothing_found", 4, 422


class InvalidConfig(AmalfaError):
    """The configuration has problems; `problems` lists all of them."""

    code, exit_code, http_status = "invalid_config", 8, 422

    def __init__(self, message: str, *, hint: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class UntrustedConfig(InvalidConfig):
    """The project's file asks for something only its user may grant."""

    code, exit_code = "untrusted_config", 9


class Busy(AmalfaError):
    """The queue is full, or another process owns what was asked for.

    `retry_after_s` is whole seconds; None means waiting will not help.
    """

    code, exit_code, http_status = "busy", 7, 429

    def __init__(self, message: str, *, hint: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class ShuttingDown(AmalfaError):
    """Sonar is on its way out and takes no new work."""

    code, exit_code, http_status = "shutting_down", 3, 503


class OverBudget(AmalfaError):
    """Serving this would pass a limit on money; nothing was sent."""

    code, exit_code, http_status = "over_budget", 10, 402


class Unserved(AmalfaError):
    """A call ended without a whole answer; `route` tells what was planned, tried and refused."""

    code, exit_code, http_status = "unserved", 5, 502

    def __init__(self, message: str, *, hint: str = "", route: "Route | None" = None) -> None:
        super().__init__(message, hint=hint)
        self.route = route


class OutOfTime(Unserved):
    """The call's own deadline passed."""

    code, exit_code, http_status = "timeout", 6, 504


class NoProvider(Unserved):
    """No model of the plan could serve; the message says why for each."""

    code = "no_provider"


class BrokenOff(Unserved):
    """The reply ended in mid-air after its first words were shown; nothing else was spliced on."""

    code = "broken_off"


class Interrupted(AmalfaError):
    """The person pressed Ctrl-C."""

    code, exit_code, http_status = "interrupted", 130, 499


class CallError(AmalfaError):
    """One attempt at one provider failed.

    What a caller does next follows from the class alone: `moves_on` says whether the next model of the
    plan may try. `is_maybe_paid` says whether the provider may bill for the attempt, and `usage` is what it
    counted before it failed, where it said so.
    """

    code, exit_code, http_status = "provider_failed", 5, 502
    moves_on: ClassVar[bool] = True

    def __init__(self, message: str, *, hint: str = "", is_maybe_paid: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_maybe_paid = is_maybe_paid
        self.usage: Usage | None = None


class ConnectFailed(CallError):
    """Nothing was sent: refused, unresolvable, or no connection within the connect limit."""

    code = "connect_failed"


class Unauthorized(CallError):
    """401 or 403: the credential is wrong; the provider is parked until its key or config changes."""

    code = "unauthorized"


class PaymentRequired(CallError):
    """402: no credit. `retry_after_s` is set only when waiting helps (an in-flight budget)."""

    code = "payment_required"

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class ModelMissing(CallError):
    """404 or an id the provider does not know; the hint holds the pull command where there is one."""

    code = "model_missing"


class ModelRefused(CallError):
    """The provider refuses this request for this model (policy, region, parameters); never retried as is."""

    code = "model_refused"


class RateLimited(CallError):
    """429. `retry_after_s` is what the provider asked for, clamped to be non-negative; None = not said."""

    code = "rate_limited"

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Overloaded(CallError):
    """The provider's queue is full (Ollama's 503, OpenRouter's 529); another one may serve."""

    code = "overloaded"


class ContextTooLong(CallError):
    """The prompt does not fit the model. Token counts are None where the provider did not say."""

    code = "context_too_long"

    def __init__(self, message: str, *, hint: str = "", needed: int | None = None, limit: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.needed_tokens = needed
        self.limit_tokens = limit


class BadRequestUpstream(CallError):
    """400 or 422: the provider says our request is wrong. Another provider may understand it."""

    code = "bad_request_upstream"


class UpstreamBroken(CallError):
    """5xx, an HTML page, an empty 200, a broken protocol, an error inside a 200."""

    code = "upstream_broken"


class OutOfMemory(CallError):
    """The model server lacks the memory to load or run the model."""

    code = "out_of_memory"


class Stalled(CallError):
    """A clock ran out: first byte, idle gap, progress floor or the attempt's share of the deadline."""

    code = "stalled"


class Truncated(CallError):
    """The reply ended without its terminal record, or at the token cap (`is_at_limit`); what came is not an answer."""

    code = "truncated"

    def __init__(self, message: str, *, hint: str = "", is_maybe_paid: bool = False, is_at_limit: bool = False) -> None:
        super().__init__(message, hint=hint, is_maybe_paid=is_maybe_paid)
        self.is_at_limit = is_at_limit


class BadReply(CallError):
    """The reply is whole but does not fit what was asked for.

    `gate` is where it was stopped: "parse" (no JSON), "schema" (JSON of another shape), "facts" (the right
    shape, and what it says is not so).
    """

    code = "bad_reply"

    def __init__(self, message: str, *, hint: str = "", gate: Literal["parse", "schema", "facts"] = "parse") -> None:
        super().__init__(message, hint=hint)
        self.gate = gate


class Forbidden(CallError):
    """The exit check: this call's privacy class does not allow this provider. A bug upstream of it."""

    code = "forbidden"


def _tree(root: type[AmalfaError]) -> Iterator[type[AmalfaError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


EXIT_CODES: dict[str, int] = {kind.code: kind.exit_code for kind in _tree(AmalfaError)}
"""Error code → process exit code, for a client that only has the code from a JSON reply."""
