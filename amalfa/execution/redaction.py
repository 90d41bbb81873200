"""Blanks what must not leave the machine out of a prompt: the built-in kinds and the user's own patterns.

It reads the messages, what tools were called with, and the definitions of the tools. `Prompt.material` serves the
embedded engine and stays here; `Prompt.schema` and the ids of tool calls are made by programs. What a mark replaced can
no longer be quoted, so a quote that runs over a mark does not verify.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from amalfa.calls import Prompt
from amalfa.config.pattern_shape import pace_of, slow_shape
from amalfa.errors import Forbidden
from amalfa.execution.redacted_json import blanked_json, blanked_value
from amalfa.execution.sensitive import FINDERS, Span
from amalfa.messages import Message, ToolCall, Tools

MARKS = {"keys": "[redacted key]", "emails": "[redacted email]", "cards": "[redacted card]", "own": "[redacted]"}
"""What stands in a blanked place, by what was found there."""

OWN_PATTERNS_MAX_S = 1.0
"""How long the user's patterns may take over one prompt; they run on the loop, which nobody else can use meanwhile."""

_LONGER = 8
"""Each run of a user's pattern is over stretches this many times as long as the one before."""

_PRECEDENCE = tuple(MARKS)


@dataclass(frozen=True, slots=True)
class _Place:
    """A stretch to be blanked; the places of one text do not overlap."""

    start: int
    end: int
    kind: str


class Redactor:
    """Knows what to look for. Lives as long as its Generation.

    `patterns` are the regular expressions of `sonar.privacy.redact`. With one among them whose shape could keep
    the process busy for ever nothing may leave; the configuration refuses such a pattern before it comes here.
    """

    def __init__(self, patterns: tuple[str, ...], built_in: tuple[str, ...]) -> None:
        self.rules = (*(f"own {pattern}" for pattern in patterns), *built_in)
        self._own = tuple(_OwnPattern(pattern) for pattern in patterns)
        self._finders = tuple((kind, FINDERS[kind]) for kind in built_in)

    def redacted(self, prompt: Prompt) -> tuple[Prompt, int]:
        """The prompt as it may leave, and how many places of it were blanked; the same object when none was.

        What overlaps is one place, and so is what touches and is of one kind. Raises Forbidden when the user's
        patterns take too long over it, or could: then it may not leave.
        """
        stop_s = time.perf_counter() + OWN_PATTERNS_MAX_S
        blanked = [self._blanked(message, stop_s) for message in prompt.messages]
        tools, in_tools = self._blanked_tools(prompt.tools, stop_s)
        count = sum(places for _, places in blanked) + in_tools
        if count == 0:
            return prompt, 0
        return replace(prompt, messages=tuple(message for message, _ in blanked), tools=tools), count

    def _blanked(self, message: Message, stop_s: float) -> tuple[Message, int]:
        content, count = self._blanked_text(message.content, stop_s)
        calls = [self._blanked_call(call, stop_s) for call in message.tool_calls]
        count += sum(places for _, places in calls)
        if count == 0:
            return message, 0
        return replace(message, content=content, tool_calls=tuple(call for call, _ in calls)), count

    def _blanked_call(self, call: ToolCall, stop_s: float) -> tuple[ToolCall, int]:
        name, in_name = self._blanked_text(call.name, stop_s)
        arguments, in_arguments = blanked_json(call.arguments, lambda text: self._blanked_text(text, stop_s))
        return replace(call, name=name, arguments=arguments), in_name + in_arguments

    def _blanked_tools(self, tools: Tools | None, stop_s: float) -> tuple[Tools | None, int]:
        """The definitions with every text of them read, names as well: a tool that is called by a mark is no leak."""
        if tools is None:
            return None, 0
        found = [blanked_value(one, lambda text: self._blanked_text(text, stop_s)) for one in tools.definitions]
        choice, in_choice = self._blanked_text(tools.choice, stop_s)
        definitions = tuple(one for one, _ in found if isinstance(one, Mapping))
        count = sum(places for _, places in found) + in_choice
        return replace(tools, definitions=definitions, choice=choice) if count else tools, count

    def _blanked_text(self, text: str, stop_s: float) -> tuple[str, int]:
        places = _merged(chain(self._built_in_places(text), self._own_places(text, stop_s)))
        return (_with_marks(text, places), len(places)) if places else (text, 0)

    def _built_in_places(self, text: str) -> Iterator[_Place]:
        for kind, find in self._finders:
            yield from (_Place(start, end, kind) for start, end in find(text))

    def _own_places(self, text: str, stop_s: float) -> Iterator[_Place]:
        for pattern in self._own:
            yield from (_Place(start, end, "own") for start, end in pattern.find(text, stop_s))


class _OwnPattern:
    """One of the user's patterns.

    A regular expression of Python cannot be interrupted. So it is run over short stretches first, and over longer
    ones only while the time that took says that they can be afforded; the last run is over the whole text.
    """

    def __init__(self, written: str) -> None:
        self._written = written
        self._compiled = re.compile(written)
        self._danger = slow_shape(written)
        self._pace = pace_of(written)

    def find(self, text: str, stop_s: float) -> list[Span]:
        """Where it matches, as Python finds it. Raises Forbidden when that would go on after `stop_s`."""
        if self._danger:
            raise self._refused(self._danger)
        chars = self._pace.trial_chars
        while chars < len(text):
            started_s = now_s = time.perf_counter()
            for begin in range(0, len(text), chars):
                self._scan(text, begin, begin + chars)
                now_s = self._checked(stop_s)
            self._checked(stop_s, ahead_s=(now_s - started_s) * _LONGER**self._pace.power)
            chars *= _LONGER
        return self._scan(text, 0, len(text))

    def _scan(self, text: str, start: int, end: int) -> list[Span]:
        return [match.span() for match in self._compiled.finditer(text, start, end) if match.end() > match.start()]

    def _checked(self, stop_s: float, *, ahead_s: float = 0.0) -> float:
        now_s = time.perf_counter()
        if now_s + ahead_s > stop_s:
            raise self._refused("takes too long on this text")
        return now_s

    def _refused(self, reason: str) -> Forbidden:
        message = f"The pattern {self._written!r} of sonar.privacy.redact {reason}; the text stays here."
        return Forbidden(message, hint="make the pattern simpler; possessive repeats like a++ often help")


def _merged(places: Iterable[_Place]) -> list[_Place]:
    merged: list[_Place] = []
    for place in sorted(places, key=lambda one: (one.start, one.end)):
        last = merged[-1] if merged else None
        if last is None or place.start > last.end or (place.start == last.end and place.kind != last.kind):
            merged.append(place)
        else:
            kind = min(last.kind, place.kind, key=_PRECEDENCE.index)
            merged[-1] = _Place(last.start, max(last.end, place.end), kind)
    return merged


def _with_marks(text: str, places: list[_Place]) -> str:
    parts: list[str] = []
    kept_to = 0
    for place in places:
        parts += (text[kept_to : place.start], MARKS[place.kind])
        kept_to = place.end
    return "".join((*parts, text[kept_to:]))
