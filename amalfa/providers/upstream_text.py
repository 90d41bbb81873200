"""Makes text that came from a provider fit to be shown and logged: short, printable and free of keys."""

import re
from collections.abc import Iterable

from amalfa.config.secret import Secret

SHOWN_MAX_CHARACTERS = 200
# Shorter "secrets" would blank out ordinary words and protect nothing.
SECRET_MIN_CHARACTERS = 4

_KEY_LIKE = re.compile(r"\bsk-[A-Za-z0-9_\-.…*]{3,}")
_BEARER_LIKE = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{6,}", re.IGNORECASE)


def shown(text: str, secrets: Iterable[Secret] = ()) -> str:
    """At most 200 printable characters of `text`, without `secrets` and without anything that looks like a key.

    Runs of blanks and line ends become one blank; other control characters become visible escapes, so that
    the result can neither steer a terminal nor break a log line. A cut is marked with an ellipsis.
    """
    for secret in sorted((secret.reveal() for secret in secrets), key=len, reverse=True):
        if len(secret) >= SECRET_MIN_CHARACTERS:
            text = text.replace(secret, "[hidden]")
    # Masked before it is cut: half a key at the cut would match no pattern.
    text = _BEARER_LIKE.sub(r"\1 [hidden]", _KEY_LIKE.sub("sk-…", text))
    flat = " ".join(text[: SHOWN_MAX_CHARACTERS * 20].split())
    visible = "".join(letter if letter.isprintable() else _escape(letter) for letter in flat[:SHOWN_MAX_CHARACTERS])
    is_cut = len(flat) > SHOWN_MAX_CHARACTERS or len(visible) > SHOWN_MAX_CHARACTERS
    return visible[: SHOWN_MAX_CHARACTERS - 1] + "…" if is_cut else visible


def _escape(letter: str) -> str:
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
