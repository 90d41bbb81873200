"""Tells the part of a question that asks from what is said before or after it to set the scene. Pure.

In "We get E-12 on the printer again. What do I run?" only the second sentence asks. Words of a scene help to find
passages, and an answer need not hold them.
"""

import re
from collections.abc import Iterator

_QUESTION_WORDS = (
    "who|whom|whose|what|which|when|where|why|how|was|wer|wem|wen|wie|wo|wann|warum|welche[rsnm]?|wieviel"
    "|qui|que|quoi|quand|comment|combien|pourquoi|quel(?:le)?s?|où|cuánt[oa]s?|cuándo|cuál|quién|qué|dónde|cómo"
)
_ASKS = re.compile(
    r"\W*(?:(?:and|but|so|or|und|et|y|also)\s+)?"
    r"(?:(?:in|on|at|to|for|by|from|under|with|of|until|since|after|à|de|bis|seit|ab|in|auf)\s+)?"
    rf"(?:(?:{_QUESTION_WORDS})\b|c['’]est\s+(?:quoi|combien|qui|quand))",
    re.IGNORECASE,
)
_REQUESTS = re.compile(
    r"\W*(?:please\s+)?(?:tell|give|show|find|list|look|remind|name|explain|describe|compare|summari[sz]e"
    r"|can|could|would|do|does|did|is|are|has|have|may|any)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!Mr\.|Dr\.|Ms\.|vs\.)(?<!Mrs\.)\s+|\s*[;:]\s+|\s+[–—]\s+")
_CLAUSE = re.compile(r",\s+")
# "If I am ill, from which day …" says in its first half what is asked, and "whoever leads it" whom it is about.
_CONDITION = re.compile(
    r"\W*(?:if|when|whenever|once|after|before|during|while|until|unless|suppose|wenn|falls|si"
    r"|whoever|whichever|whatever|for|in|at|with|as|according)\b",
    re.IGNORECASE,
)


def scenes(text: str) -> list[tuple[int, int]]:
    """The stretches of a question, as offsets, that only set the scene; none when all of it or nothing asks."""
    parts = list(_parts(text))
    asking = [_ASKS.match(text[start:end]) is not None for start, end in parts]
    if not any(asking):
        asking = [text[start:end].rstrip().endswith(("?", "？")) or _requests(text[start:end]) for start, end in parts]
    if not any(asking):
        return []
    return [part for part, asks in zip(parts, asking, strict=True) if not asks]


def asking_part(text: str) -> str:
    """The question without its scenes."""
    spans = scenes(text)
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    kept = " ".join(text[start:end].strip(" ,;:") for start, end in zip(ends, starts, strict=True))
    return kept.strip() or text


def is_indirect(text: str) -> bool:
    """Whether it asks about somebody or something that it only describes: "whoever leads it", "the box it runs on"."""
    return _DESCRIBES.search(text) is not None


_DESCRIBES = re.compile(
    r"\b(?:who(?:m)?ever|(?:the|that) (?:person|one|man|woman|guy|colleague|machine|box|server|host)"
    r"(?! (?:of|with|named|called)\b)(?= \w)|wer auch immer|celui|celle|derjenige|diejenige)\b",
    re.IGNORECASE,
)


def _requests(part: str) -> bool:
    return _REQUESTS.match(part) is not None


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Sentences; one that opens with a statement and goes on to ask behind a comma is two."""
    for start, end in _split(_SENTENCE, text, 0, len(text)):
        if _ASKS.match(text[start:end]) or _CONDITION.match(text[start:end]):
            yield start, end
            continue
        clauses = list(_split(_CLAUSE, text, start, end))
        first = next((at for at, _ in clauses if _ASKS.match(text[at:end])), start)
        if first > start and not is_indirect(text[start:first]):
            yield start, first
            start = first
        yield start, end


def _split(mark: re.Pattern[str], text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for found in mark.finditer(text, start, end):
        yield start, found.start()
        start = found.end()
    yield start, end
