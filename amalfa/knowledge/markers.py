"""Finds the source markers of an answer, and what each of them is put behind. Pure; knows no passage."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amalfa.knowledge.stopwords import stop_words

QUOTE_WORDS = 3
"""Fewer words between quotation marks are a name or an emphasis, not a quotation."""

QUOTE_UNSPACED_CHARACTERS = 6
CLAIM_WORDS = 2

_MARKER = re.compile(r"(?<![\[\\!^])\[(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\](?![\](]|:\s*(?:<|https?:))")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_BLOCK_START = re.compile(r"^(?:[ \t]*$|[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]|[ \t]*#{1,6}[ \t]|[ \t]*\|)", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?…][\"”'’)*_]*(?=\s+(?:\[\d|[^\sa-z]))|[。！？]|:(?=\s*\n)")
_QUOTED = re.compile(r"“([^”]+)”|\"([^\"]+)\"|«([^»]+)»|„([^“”]+)[“”]")
_WORD = re.compile(r"\w+")
_BETWEEN = re.compile(r"[\s,;&]*(?:and\s*)?$")


@dataclass(frozen=True, slots=True)
class Marker:
    """One `[n]`, `[1, 2]` or `[1-3]` in the answer, at `start` to `end`.

    `claim` is the sentence or the part of it that the marker backs, without markers; `quotes` are the phrases
    it gives as quotations.
    """

    start: int
    end: int
    numbers: tuple[int, ...]
    claim: str
    quotes: tuple[str, ...]


def find_markers(answer: str) -> list[Marker]:
    """The markers of a Markdown answer in order; code, links and footnotes hold none."""
    masked = _without_code(answer)
    found = list(_MARKER.finditer(masked))
    markers: list[Marker] = []
    for position, match in enumerate(found):
        before = found[position - 1] if position else None
        if before is not None and _BETWEEN.fullmatch(masked[before.end() : match.start()]):
            claim, quotes = markers[-1].claim, markers[-1].quotes  # [1][2] stand behind the same words
        else:
            claim, quotes = _claim(answer, masked, match, before)
        markers.append(Marker(match.start(), match.end(), _numbers(match[1]), claim, quotes))
    return markers


def _without_code(answer: str) -> str:
    """The answer with code blanked out, every other character where it was."""
    blank = lambda match: re.sub(r"[^\n]", " ", match[0])  # noqa: E731 - shorter than its definition would be
    return _SPAN.sub(blank, _FENCE.sub(blank, answer))


def _numbers(inside: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in re.split(r"[,;]", inside):
        ends = [int(end) for end in re.findall(r"\d+", part)]
        first, last = ends[0], ends[-1]
        numbers.extend(range(first, last + 1) if first <= last <= first + 20 else ends)
    return tuple(dict.fromkeys(numbers))


def _claim(answer: str, masked: str, match: re.Match[str], before: re.Match[str] | None) -> tuple[str, tuple[str, ...]]:
    start, end = _block(masked, match.start())
    block = answer[start:end]
    if quoted := _block_quote(block) or (_lone_quote_above(answer, masked, match.start()) if not _words(block) else ""):
        return quoted, (quoted,) if _is_quotation(quoted) else ()
    left, right = _sentence(masked, match, start, end)
    since = max(left, before.end() if before else left)
    part, rest = _unmarked(answer[since : match.start()]), answer[match.end() : right]
    is_clause = len(_words(part)) >= CLAIM_WORDS and (_MARKER.search(rest) or len(_words(rest)) < CLAIM_WORDS)
    claim = part if is_clause else _unmarked(answer[left:right])
    quotes = tuple(_quotes(claim))
    return claim, quotes


def _block(masked: str, at: int) -> tuple[int, int]:
    starts = [0, *(m.start() for m in _BLOCK_START.finditer(masked)), len(masked)]
    start = max(position for position in starts if position <= at)
    end = min((position for position in starts if position > at), default=len(masked))
    return start, end


def _sentence(masked: str, match: re.Match[str], start: int, end: int) -> tuple[int, int]:
    """The sentence a marker backs: the one it stands in, or behind whose full stop it stands."""
    ends = [start + m.end() for m in _SENTENCE_END.finditer(masked[start:end])]
    borders = sorted({start, *ends, end})
    left = max(border for border in borders if border <= match.start())
    right = min(border for border in borders if border >= match.end())
    if not _words(_unmarked(masked[left : match.start()])):
        earlier = [border for border in borders if border < left and _words(_unmarked(masked[border:left]))]
        if earlier:
            return earlier[-1], match.start()
    return left, right


def _unmarked(text: str) -> str:
    return " ".join(_MARKER.sub("", text).split())


def _words(text: str) -> list[str]:
    """The words that say something, markers left out."""
    small = stop_words("en")
    return [word for word in _WORD.findall(_MARKER.sub("", text)) if word.lower() not in small]


def _block_quote(block: str) -> str:
    lines = [line for line in block.split("\n") if line.strip()]
    if not lines or not all(line.lstrip().startswith(">") for line in lines):
        return ""
    return _bare_quote(lines)


def _lone_quote_above(answer: str, masked: str, marker: int) -> str:
    """The block quote or code block right above a marker that stands alone."""
    for match in _FENCE.finditer(answer):
        if match.end() <= marker and not answer[match.end() : marker].strip():
            return "\n".join(match[0].rstrip().split("\n")[1:-1])
    above = answer[:marker].rstrip()
    if not above:
        return ""
    begin, _ = _block(masked, len(above) - 1)
    return _block_quote(above[begin:])


def _bare_quote(lines: Sequence[str]) -> str:
    text = _unmarked("\n".join(re.sub(r"^\s*(?:>\s?)+", "", line) for line in lines))
    return text.strip(' "“”«»*_')


def _quotes(claim: str) -> Iterator[str]:
    for match in _QUOTED.finditer(claim):
        text = next(filter(None, match.groups())).strip(" .,;:!?…")
        if _is_quotation(text):
            yield text


def _is_quotation(text: str) -> bool:
    wide = sum(ord(character) >= 0x0E00 for character in text)
    return len(_WORD.findall(text)) >= QUOTE_WORDS or wide >= QUOTE_UNSPACED_CHARACTERS
