"""A key that cannot be printed by accident, and the `"$ENV_NAME"` that stands for one in a file."""

import hmac
import re
from dataclasses import dataclass
from typing import NoReturn

from typing_extensions import override

SHORTEST_SHOWN = 12
"""Of a shorter secret nothing is shown at all: three characters would be too much of it."""

_PREFIX = re.compile(r"[a-z]{2,3}-")
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))\Z")
_UNSENDABLE = re.compile(r"[^\x20-\x7e]")


class Secret:
    """A text that shows itself as `sk-…c41` everywhere; only `reveal()` gives it away.

    Pickling raises TypeError, and JSON encoders do not know the class, so neither can carry it off.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself, for the one place that puts it on the wire."""
        return self.__text

    @property
    def is_sendable(self) -> bool:
        """Whether an HTTP header can carry it."""
        return not _UNSENDABLE.search(self.__text)

    @property
    def masked(self) -> str:
        """At most a short prefix and the last three characters, enough to tell two keys apart."""
        if len(self.__text) < SHORTEST_SHOWN:
            return "…"
        prefix = _PREFIX.match(self.__text)
        return f"{prefix[0] if prefix else ''}…{self.__text[-3:]}"

    @override
    def __str__(self) -> str:
        return self.masked

    @override
    def __repr__(self) -> str:
        return f"Secret({self.masked})"

    @override
    def __format__(self, spec: str) -> str:
        return format(self.masked, spec)

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, others = (one.__text.encode(errors="surrogatepass") for one in (self, other))
        return hmac.compare_digest(mine, others)

    @override
    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    @override
    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is never pickled")


@dataclass(frozen=True, slots=True)
class EnvReference:
    """`"$NAME"` in a file: the value of that environment variable, looked up when the file is loaded."""

    name: str

    @override
    def __str__(self) -> str:
        return f"${self.name}"


Credential = Secret | EnvReference


def read_credential(text: str) -> Credential:
    """A text from a file that holds a secret or names where it is.

    Raises ValueError when it can be neither: empty, a malformed reference, or characters no header carries.
    """
    stripped = text.strip()
    if found := _REFERENCE.match(stripped):
        return EnvReference(found[1] or found[2])
    if stripped.startswith("$"):
        raise ValueError('must be the name of an environment variable, as in "$OPENROUTER_API_KEY"')
    if not stripped:
        raise ValueError("must not be empty")
    if _UNSENDABLE.search(stripped):
        raise ValueError("holds a character that no HTTP header can carry")
    return Secret(stripped)
