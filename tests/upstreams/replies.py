"""Sensible answers: what a simulated model says when no script tells it what to say."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.upstreams.schema_instances import Hints, instance
from tests.upstreams.words import meaningful, overlap

FIXED_SENTENCE = "This is a simulated reply."

_PLACED = re.compile(r"^\s*\[(\d+)\]\s+(\S.*?):\d+(?:-\d+)?\b.*$")
_NUMBERED = re.compile(r"^\s*\[(\d+)\]\s+(\S.*)$")
_QUESTION = re.compile(r"^\s*(?:#+\s*|\*\*)?(?:the\s+)?(?:question|query)(?:\*\*)?\s*:\s*(.*)$", re.IGNORECASE)
_AFTER_PASSAGES = re.compile(
    r"^\s*(?:</?\w+[^>]*>|-{3,}.*|={3,}|(?:#+\s*|\*\*)?(?:the\s+)?"
    r"(?:question|query|task|instructions?|answer|rules?|context)\b.{0,20}:.*)$",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"^--- (?P<label>.+) begins ---\n(?P<text>.*?)\n--- (?P=label) ends ---$", re.DOTALL | re.MULTILINE)
_IDS = re.compile(r"""(?:^|[\s{<(])["']?id["']?\s*[:=]\s*["']?([^\s"',<>}\]]+)""", re.IGNORECASE | re.MULTILINE)
_NOT_IDS = frozenset({"query", "question", "note", "notes", "other notes", "text", "context"})


@dataclass(frozen=True, slots=True)
class NumberedPassage:
    """A passage as a prompt shows it: `[2] path:12-30 …`, then its lines."""

    n: int
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the simulator understood of a prompt. `blocks` are texts between `begins` and `ends` marks."""

    question: str
    passages: tuple[NumberedPassage, ...]
    blocks: dict[str, str]
    last: str

    def best_quote(self) -> tuple[int, str] | None:
        """Number and sentence of the passage that shares most words with the question."""
        for passage in sorted(self.passages, key=lambda one: -overlap(one.text, self.question)):
            if (sentence := self._best_sentence(passage.text)) is not None:
                return passage.n, sentence
        return None

    def best_line(self) -> str:
        """A verbatim sentence of whatever the prompt is about."""
        about = [text for label, text in self.blocks.items() if label not in ("query", "question", "other notes")]
        return self._best_sentence("\n".join(about) or self.last) or FIXED_SENTENCE

    def _best_sentence(self, text: str) -> str | None:
        fitting = [one for one in _sentences(text) if one != self.question]
        # A quotation mark inside would end the quotation early, so such a sentence comes last.
        fitting.sort(key=lambda one: ('"' in one, len(one.split()) < 3, -overlap(one, self.question)))
        return fitting[0] if fitting else None


def _sentences(text: str) -> list[str]:
    """Sentences that stand verbatim on one line; headings, fences, marks and table rules are none."""
    found = []
    for line in text.splitlines():
        bare = re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", line).strip()
        if bare and not re.match(r"[#|`~<>]|-{3,}", bare):
            found += [part.strip() for part in re.split(r"(?<=[.!?])\s+", bare) if part.strip()]
    return found


def read_prompt(texts: Sequence[str]) -> Reading:
    """Find the question and the numbered passages in the messages of a prompt, oldest first."""
    whole = "\n".join(texts)
    last = texts[-1] if texts else ""
    passages = _passages(whole, _PLACED) or _passages(whole, _NUMBERED)
    blocks = {match["label"]: match["text"] for match in _BLOCK.finditer(whole)}
    return Reading(blocks.get("query") or _question(texts, passages), passages, blocks, last)


def _passages(text: str, header: re.Pattern[str]) -> tuple[NumberedPassage, ...]:
    found: list[tuple[int, str, list[str]]] = []
    is_inside = False
    for line in text.splitlines():
        if match := header.match(line):
            found.append((int(match[1]), match[2], []))
            is_inside = True
        elif is_inside and _AFTER_PASSAGES.match(line):
            is_inside = False
        elif is_inside:
            found[-1][2].append(line)
    return tuple(NumberedPassage(n, place, "\n".join(lines)) for n, place, lines in found if any(lines))


def _question(texts: Sequence[str], passages: tuple[NumberedPassage, ...]) -> str:
    lines = [line for text in texts for line in text.splitlines()]
    for index in range(len(lines) - 1, -1, -1):
        if match := _QUESTION.match(lines[index]):
            return match[1].strip() or next((line.strip() for line in lines[index + 1 :] if line.strip()), "")
    last = texts[-1] if texts else ""
    shown = {line for passage in passages for line in passage.text.splitlines()}
    rest = [line.strip() for line in last.splitlines() if line.strip() and line not in shown]
    asking = [line for line in rest if line.endswith("?")]
    return (asking or [line for line in rest if not _NUMBERED.match(line)] or [last.strip()])[-1]


def sensible_text(texts: Sequence[str], *, schema: Any = None, is_json: bool = False) -> str:
    """The reply to a prompt: an instance of the schema, a quotation with its number, or a fixed sentence."""
    reading = read_prompt(texts)
    quote = reading.best_quote()
    sentence = f'"{quote[1]}" [{quote[0]}]' if quote else FIXED_SENTENCE
    if schema is not None:
        return json.dumps(instance(schema, _hints(reading, sentence)), ensure_ascii=False)
    if is_json:
        return json.dumps({"answer": sentence}, ensure_ascii=False)
    return sentence


def _hints(reading: Reading, sentence: str) -> Hints:
    quote = reading.best_quote()
    about = [text for label, text in reading.blocks.items() if label not in ("query", "question", "other notes")]
    asked = reading.blocks.get("query") or ("" if about else reading.question)
    words = list(dict.fromkeys(meaningful(" ".join([asked, *about])) + meaningful(reading.last)))
    ids = [label for label in reading.blocks if label not in _NOT_IDS] or _IDS.findall(reading.last)
    offered = reading.blocks.get("other notes", "").splitlines()
    places = [line for line in offered if line != "(none)"] or [passage.place for passage in reading.passages]
    heading = re.search(r"^#+\s+(\S.*)$", reading.last, re.MULTILINE)
    return Hints(
        words=tuple(words[:200]) or ("word",),
        sentence=sentence,
        quote=quote[1] if quote else reading.best_line(),
        title=heading[1] if heading else "",
        n=quote[0] if quote else 1,
        ids=tuple(dict.fromkeys(ids)),
        paths=tuple(dict.fromkeys(places)),
    )
