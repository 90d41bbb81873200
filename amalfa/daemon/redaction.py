"""Blanks secrets out of text: what looks like a key, and the exact keys in use. Knows nothing of logging."""

import re
from collections.abc import Iterable

MASK = "[secret]"
SHORTEST_SECRET = 6
"""Shorter ones are not looked for: they would blank ordinary words and were guessable anyway."""

_LOOKS_SECRET = re.compile(
    r"""
      \b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|ghs|github_pat|glpat|xox[abprs])[-_][A-Za-z0-9_\-]{12,}
    | \bAIza[A-Za-z0-9_\-]{20,}
    | \bAKIA[A-Z0-9]{12,}
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*
    | -----BEGIN[A-Z ]*PRIVATE\ KEY-----[\s\S]*?(?:-----END[A-Z ]*PRIVATE\ KEY-----|\Z)
    """,
    re.VERBOSE,
)
_NAMED_SECRET = re.compile(
    r"""((?:authorization|api[-_]?key|x-api-key|token|password|passwd|secret)["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?)
        (?!(?:bearer|basic)\b)[^\s"',;&}\[]{6,}""",
    re.VERBOSE | re.IGNORECASE,
)
_BEARER = re.compile(r"(\b(?:bearer|basic)\s+)(?=\S*[\d._\-=/+])[A-Za-z0-9._~+/\-]{8,}=*", re.IGNORECASE)
_USER_INFO = re.compile(r"(://)[^/\s@:]*:[^/\s@]+@")


class Redactor:
    """Remembers exact secrets; patterns catch the others. Learning may happen from any thread."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def learn(self, secrets: Iterable[str]) -> None:
        """Blank these as well from now on. Old ones stay: a rotated key must not show up later either."""
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET} | set(self._known)
        # The longest first, so that no tail of a key is left when another key is its beginning.
        self._known = tuple(sorted(known, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """The text with every secret replaced by `[secret]`."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, MASK)
        text = _LOOKS_SECRET.sub(MASK, text)
        text = _NAMED_SECRET.sub(rf"\1{MASK}", text)
        text = _BEARER.sub(rf"\1{MASK}", text)
        return _USER_INFO.sub(rf"\1{MASK}@", text)
