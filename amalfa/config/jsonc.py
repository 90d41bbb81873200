"""Reads JSON with comments and trailing commas and remembers where each value stands. Knows no setting.

Strict where plain `json` is lenient: a key written twice, NaN, numbers that overflow, lone surrogates and nesting
deeper than 64 are problems. One reader gives both values and places, so the two cannot disagree.
"""

import json
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from math import isinf
from typing import Literal, NoReturn, TypeAlias

from amalfa.config.keypath import KeyPath
from amalfa.errors import Problem

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 64

_SPACE = re.compile(r"(?:[ \t\r\n]++|//[^\r\n]*+|/\*.*?\*/)*+", re.DOTALL)
_STRING = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"')
_WORD = re.compile(r"[^\s,:\[\]{}\"'/]++")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<real>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_NOT_A_NUMBER = re.compile(r"[+-]?(?:NaN|Infinity|inf)\Z")
_LITERALS: dict[str, Json] = {"true": True, "false": False, "null": None}
_MEANT = {"True": "true", "False": "false", "None": "null", "undefined": "null", "yes": "true", "no": "false"}

_Bracket = Literal["{", "["]
_CLOSER = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Node:
    """One value and its place: `start` and `end` are offsets into the text, `line` counts from 1.

    `last_comma` is the offset of a comma behind the last member or item; None when there is none.
    """

    value: Json = field(repr=False)
    line: int
    start: int
    end: int
    members: "tuple[Member, ...]" = ()
    items: "tuple[Node, ...]" = ()
    last_comma: int | None = None

    def member(self, key: str) -> "Member | None":
        return next((member for member in self.members if member.key == key), None)


@dataclass(frozen=True, slots=True)
class Member:
    """One `"key": value` of an object; `line` and `start` are the key's."""

    key: str
    line: int
    start: int
    node: Node


@dataclass(frozen=True, slots=True)
class Document:
    """A text read. `root` is None when nothing of it could be used; `problems` come in order of line.

    A value that could not be read is left out of the tree, so that the rest can still be checked.
    """

    root: Node | None
    problems: tuple[Problem, ...]

    def line_of(self, path: KeyPath) -> int | None:
        """The line of a key (or of a list's item); for a path that is not there, of its nearest ancestor."""
        node, line = self.root, self.root.line if self.root else None
        for part in path:
            if node is None:
                break
            step = _step(node, part)
            node, line = (step[0], step[1]) if step else (None, line)
        return line


def read_json(text: str, *, name: str) -> Document:
    """Read `text`; `name` is the path that problems carry. Never raises."""
    reader = _Reader(text, name)
    try:
        root = reader.document()
    except _Stopped:
        root = None
    return Document(root, tuple(sorted(reader.problems, key=lambda problem: problem.line or 0)))


def _step(node: Node, part: str | int) -> tuple[Node, int] | None:
    if isinstance(part, int):
        return (node.items[part], node.items[part].line) if part < len(node.items) else None
    member = node.member(part)
    return (member.node, member.line) if member else None


class _Stopped(Exception):
    """Nothing after this place can be understood; the problem is noted already."""


class _Reader:
    """One pass over one text. A method named after a thing reads it and leaves `_at` behind it."""

    def __init__(self, text: str, name: str) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._name = name
        self._at = 0
        self._depth = 0
        self._line_starts = [found.end() for found in re.finditer(r"\r\n|\n|\r", text)]

    def document(self) -> Node | None:
        self._at = 1 if self._text.startswith("\ufeff") else 0
        self._skip_space()
        if not self._next():
            self._stop("the file is empty; an empty configuration is {}")
        root = self._value()
        self._skip_space()
        if self._next():
            self._stop(f"nothing may follow the end of the configuration, but there is {self._seen()}")
        return root

    def _value(self) -> Node | None:
        """The value at this place; None when it is none, but reading can go on behind it."""
        start, line = self._at, self._line()
        if self._next() in ("{", "["):
            return self._container("{" if self._next() == "{" else "[")
        if self._next() != '"':
            return self._bare_word()
        text = self._string()
        return None if text is None else Node(text, line, start, self._at)

    def _container(self, bracket: _Bracket) -> Node:
        if self._depth == MAX_DEPTH:
            self._stop(f"nested more than {MAX_DEPTH} levels deep")
        self._depth += 1
        node = self._object() if bracket == "{" else self._array()
        self._depth -= 1
        return node

    def _object(self) -> Node:
        start, line, last_comma = self._at, self._line(), None
        members: dict[str, Member] = {}
        self._at += 1
        while not self._closes("{", line):
            self._add_member(members)
            last_comma = self._comma("{")
        value: Json = {key: member.node.value for key, member in members.items()}
        return Node(value, line, start, self._at, members=tuple(members.values()), last_comma=last_comma)

    def _array(self) -> Node:
        start, line, last_comma = self._at, self._line(), None
        items: list[Node] = []
        self._at += 1
        while not self._closes("[", line):
            item = self._value()
            if item is not None:
                items.append(item)
            last_comma = self._comma("[")
        return Node([item.value for item in items], line, start, self._at, items=tuple(items), last_comma=last_comma)

    def _closes(self, bracket: _Bracket, line: int) -> bool:
        """Whether the container ends here; its closing bracket is then read."""
        self._skip_space()
        if not self._next():
            self._stop(f"the {bracket} of line {line} is never closed")
        if self._next() == ",":
            self._stop("there is a comma with nothing before it")
        if self._next() != _CLOSER[bracket]:
            return False
        self._at += 1
        return True

    def _comma(self, bracket: _Bracket) -> int | None:
        """The offset of the comma between two members or items; None where the container ends instead."""
        self._skip_space()
        if self._next() == ",":
            self._at += 1
            return self._at - 1
        if self._next() not in ("", _CLOSER[bracket]):
            if self._next() != '"':
                self._stop(f"a comma or {_CLOSER[bracket]} is missing before {self._seen()}")
            self._note("a comma is missing before this")
        return None

    def _add_member(self, members: dict[str, Member]) -> None:
        line, start = self._line(), self._at
        key = self._key()
        self._skip_space()
        if self._next() != ":":
            self._stop(f"a colon is missing after the key, there is {self._seen()}")
        self._at += 1
        self._skip_space()
        node = self._value()
        if key is not None and key in members:
            shown = json.dumps(key, ensure_ascii=False)
            self._note(f"{shown} is written twice, first on line {members[key].line}", line=line)
        elif key is not None and node is not None:
            members[key] = Member(key, line, start, node)

    def _key(self) -> str | None:
        if self._next() == '"':
            return self._string()
        word = _WORD.match(self._text, self._at)
        if word is None:
            self._stop(f"a key in double quotes belongs here, there is {self._seen()}")
        self._note("a key needs double quotes")
        self._at = word.end()
        return None

    def _string(self) -> str | None:
        found = _STRING.match(self._text, self._at)
        if found is None:
            self._stop("the text that begins here has no closing quote on its line, or holds a control character")
        line, self._at = self._line(), found.end()
        if "\\" not in found[0]:
            return found[0][1:-1]
        try:
            text = str(json.loads(found[0]))
            text.encode()
        except UnicodeEncodeError:
            self._note("half of a surrogate pair is not a character", line=line)
        except ValueError:
            self._note(r"a backslash must be followed by one of \"\\/bfnrt or u and four hex digits", line=line)
        else:
            return text
        return None

    def _bare_word(self) -> Node | None:
        found = _WORD.match(self._text, self._at)
        if found is None:
            self._stop(f"a value is missing here, there is {self._seen()}")
        start, line, word = self._at, self._line(), found[0]
        self._at = found.end()
        if word in _LITERALS:
            return Node(_LITERALS[word], line, start, self._at)
        number = _NUMBER.fullmatch(word)
        if number is None:
            self._note(_why_not_a_value(word), line=line)
            return None
        value = _number(word, is_real=bool(number["real"]))
        if value is None:
            self._note("this number is too large", line=line)
            return None
        return Node(value, line, start, self._at)

    def _skip_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        if self._text.startswith("/*", self._at):
            self._stop("the comment that begins here is never closed")

    def _next(self) -> str:
        """The character at this place; "" at the end."""
        return self._text[self._at : self._at + 1]

    def _seen(self) -> str:
        """The next character, for a message."""
        char = self._next()
        if not char:
            return "the end of the file"
        if char == "'":
            return "a single quote"
        return char if char.isascii() and char.isprintable() else unicodedata.name(char, f"U+{ord(char):04X}")

    def _line(self) -> int:
        return bisect_right(self._line_starts, self._at) + 1

    def _note(self, message: str, *, line: int | None = None) -> None:
        self.problems.append(Problem(self._name, line or self._line(), message))

    def _stop(self, message: str) -> NoReturn:
        self._note(message)
        raise _Stopped


def _why_not_a_value(word: str) -> str:
    # The word itself is not shown: it may be a key whose quotes were forgotten.
    if _NOT_A_NUMBER.match(word):
        return "NaN and Infinity are not numbers here"
    if word in _MEANT:
        return f"this is not a value; did you mean {_MEANT[word]}?"
    return "this is neither a number, true, false nor null; text needs double quotes"


def _number(word: str, *, is_real: bool) -> int | float | None:
    if is_real:
        value = float(word)
        return None if isinf(value) else value
    try:
        return int(word)
    except ValueError:  # more digits than Python converts, 4,300 by default
        return None
