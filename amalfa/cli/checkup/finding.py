"""One thing the doctor found: how it stands, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`fix` is a command where one exists, and only "ok" has none.

    `mend` does the fix where that is safe without asking; None where a person has to decide.
    """

    check: str
    state: State
    message: str
    fix: str = ""
    mend: Callable[[], None] | None = None


def fine(check: str, message: str) -> Finding:
    return Finding(check, "ok", message)


def warning(check: str, message: str, fix: str, *, mend: Callable[[], None] | None = None) -> Finding:
    """Something works, and not as well as it could."""
    return Finding(check, "warning", message, fix, mend)


def problem(check: str, message: str, fix: str, *, mend: Callable[[], None] | None = None) -> Finding:
    """Something does not work."""
    return Finding(check, "problem", message, fix, mend)
