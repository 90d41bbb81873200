"""Words, pieces and vectors: the little language sense the simulators have."""

import hashlib
import math
import re

_SMALL_WORDS = (
    "a an and are as at be by can do does for from has have how i in is it its of on or our that the their there "
    "these they this to was we were what when where which who why will with you your about into not no"
)
_STOP = frozenset(_SMALL_WORDS.split())


def meaningful(text: str) -> list[str]:
    """Lower-case words that carry meaning, in order."""
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in _STOP and len(word) > 1]


def content_words(text: str) -> list[str]:
    """The same without common endings, so that `notes` meets `note`."""
    return [_stem(word) for word in meaningful(text)]


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def overlap(one: str, other: str) -> int:
    """How many different content words two texts share."""
    return len(set(content_words(one)) & set(content_words(other)))


def pieces(text: str) -> list[str]:
    """Token-like pieces, at most 12 characters each; joined they are the text again."""
    return re.findall(r"\s*\S{1,12}|\s+", text)


def token_count(text: str) -> int:
    return len(pieces(text))


def unit_vector(text: str, dimensions: int) -> list[float]:
    """A deterministic vector of length 1; texts that share words point in similar directions."""
    vector = [0.0] * dimensions
    for word in content_words(text) or ["nothing"]:
        digest = hashlib.sha256(word.encode()).digest()
        for start in (0, 4, 8):
            number = int.from_bytes(digest[start : start + 4], "big")
            vector[(number >> 1) % dimensions] += 1.0 if number & 1 else -1.0
    return unit(vector)


def unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0.0:
        return [1.0] + [0.0] * (len(vector) - 1)
    return [round(value / length, 7) for value in vector]
