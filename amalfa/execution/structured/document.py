"""Parses one document that is not quite JSON, repairing only what has a single reading."""

from amalfa.execution.structured.brackets import continues, only_closers_follow, stands_behind_closer
from amalfa.execution.structured.cursor import Cursor
from amalfa.execution.structured.marks import (
    BARE_KEY,
    BARE_MEMBER,
    CLOSER_OF,
    CLOSERS,
    COMMAS,
    ELISION,
    ENDS_OF,
    OPENER_OF,
    OPENERS,
    QUOTED_MEMBER,
)
from amalfa.execution.structured.policy import Refusal, Repair
from amalfa.execution.structured.scalars import read_scalar
from amalfa.execution.structured.strict import DECODER, DEPTH_MAX, is_same
from amalfa.execution.structured.strings import Place, read_string

# Valid parts are read by the standard decoder down to this depth; each level may read the text once more.
FAST_DEPTH = 8
# Each attempt of the decoder that fails counts the lines before it.
FAST_FAILURES_MAX = 100


def read_document(cursor: Cursor) -> object:
    """The value that starts at the cursor, which is then behind it. Raises BadReply."""
    return _Reader(cursor).value("item")


def read_members(cursor: Cursor) -> object:
    """The members of an object that lost its opening brace, perhaps the closing one too."""
    cursor.note(Repair.OPENER)
    return _Reader(cursor).bare_members()


class _Reader:
    """Recursive descent; `_open` holds the openers around the cursor, innermost last."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._open: list[str] = []
        self._has_brace = True
        self._fast_failures = 0

    def value(self, place: Place) -> object:
        cursor = self._cursor
        cursor.count_part()
        char = cursor.peek()
        if not char:
            cursor.refuse(Refusal.CUT)
        if char in OPENERS:
            return self._container(char)
        if char in ENDS_OF:
            return self._text(place)
        if char in CLOSERS or char in COMMAS or char in ":=":
            cursor.refuse(Refusal.VALUE_EXPECTED)
        return read_scalar(cursor, may_end_reply=not self._has_brace and len(self._open) == 1)

    def bare_members(self) -> object:
        self._has_brace = False
        self._open.append("{")
        return self._members()

    def _container(self, opener: str) -> object:
        if len(self._open) >= DEPTH_MAX:
            self._cursor.refuse(Refusal.TOO_DEEP)
        if opener != "(" and len(self._open) < FAST_DEPTH and self._fast_failures < FAST_FAILURES_MAX:
            whole, value = _valid_part(self._cursor)
            if whole:
                return value
            self._fast_failures += 1
        self._cursor.take()
        self._open.append(opener)
        if opener == "{":
            return self._members()
        return self._items(opener)

    def _text(self, place: Place) -> str:
        """A string, or several that are joined."""
        cursor = self._cursor
        pieces = [read_string(cursor, place, depth=len(self._open))]
        while True:
            char = cursor.peek()
            in_parentheses = bool(self._open) and self._open[-1] == "(" and char in ENDS_OF and char != ""
            if char == "+":
                cursor.take()
                if cursor.peek() not in ENDS_OF or cursor.is_at_end:
                    cursor.refuse(Refusal.VALUE_EXPECTED)
            elif not in_parentheses:
                return "".join(pieces)
            cursor.note(Repair.JOINED)
            pieces.append(read_string(cursor, place, depth=len(self._open)))

    def _members(self) -> object:
        cursor, found = self._cursor, dict[str, object]()
        if self._has_brace and cursor.peek() == "{":
            return self._doubled_braces()
        is_after_value = is_after_comma = False
        while True:
            char = cursor.peek()
            if not char:
                self._end_of_reply(is_after_value=is_after_value, is_after_comma=is_after_comma)
                break
            if char in CLOSERS:
                if self._closes(char):
                    self._note_comma(is_after_comma)
                    break
                continue
            if char in COMMAS:
                self._comma(char, is_stray=not is_after_value)
                is_after_value, is_after_comma = False, True
                continue
            if is_after_value:
                self._missing_comma(self._may_be_member())
            self._member(found)
            is_after_value, is_after_comma = True, False
        return found

    def _member(self, found: dict[str, object]) -> None:
        cursor, start = self._cursor, self._cursor.at
        key = self._key()
        self._colon()
        value = self.value("member")
        if key not in found:
            found[key] = value
        elif is_same(found[key], value):
            cursor.note(Repair.DUPLICATE)
        else:
            cursor.refuse(Refusal.TWO_VALUES, start)

    def _key(self) -> str:
        cursor = self._cursor
        char = cursor.peek()
        if char in ENDS_OF:
            return read_string(cursor, "key", depth=len(self._open))
        if ELISION.match(cursor.text, cursor.at):
            cursor.refuse(Refusal.ELIDED)
        found = BARE_KEY.match(cursor.text, cursor.at)
        if found is None:
            cursor.refuse(Refusal.KEY_EXPECTED)
        cursor.at = found.end()
        cursor.note(Repair.KEY)
        return found.group()

    def _colon(self) -> None:
        cursor = self._cursor
        char = cursor.peek()
        if not char or char not in ":=":
            cursor.refuse(Refusal.COLON_EXPECTED if char else Refusal.CUT)
        cursor.take()
        if char == "=":
            cursor.note(Repair.COLON)
            cursor.at += cursor.text.startswith(">", cursor.at)
        if cursor.peek() == ":":
            cursor.note(Repair.COLON)
            cursor.take()

    def _doubled_braces(self) -> object:
        cursor = self._cursor
        cursor.note(Repair.BRACES)
        inner = self._container("{")
        char = cursor.peek()
        if char == "}":
            cursor.take()
        elif char:
            cursor.refuse(Refusal.COMMA_EXPECTED)
        self._open.pop()
        return inner

    def _items(self, opener: str) -> object:
        """A list, or what stands in parentheses: one value alone is that value, anything else a list."""
        cursor, found = self._cursor, list[object]()
        commas = 0
        is_after_value = is_after_comma = False
        while True:
            char = cursor.peek()
            if not char:
                self._end_of_reply(is_after_value=is_after_value, is_after_comma=is_after_comma)
                break
            if char in CLOSERS:
                if self._closes(char):
                    break
                continue
            if char in COMMAS:
                commas += 1
                if opener == "[" or not is_after_value:
                    self._comma(char, is_stray=not is_after_value)
                else:
                    cursor.take()
                is_after_value, is_after_comma = False, True
                continue
            if is_after_value:
                self._missing_comma(self._may_follow(char))
            found.append(self.value("item"))
            self._check_no_member()
            is_after_value, is_after_comma = True, False
        if opener == "[":
            self._note_comma(is_after_comma)
            return found
        cursor.note(Repair.TUPLE)
        return found[0] if len(found) == 1 and not commas else found

    def _may_be_member(self) -> bool:
        """Whether a member may start here though a comma is missing; a key without quotes only on its own line."""
        text, at = self._cursor.text, self._cursor.at
        is_own_line = "\n" in text[self._cursor.gap_at : at]
        return bool(QUOTED_MEMBER.match(text, at) or (is_own_line and BARE_MEMBER.match(text, at)))

    def _may_follow(self, char: str) -> bool:
        """Whether a value may start here though a comma is missing: not a number behind a number on its line."""
        text, at = self._cursor.text, self._cursor.at
        if char in ENDS_OF or char in OPENERS:
            return True
        return "\n" in text[self._cursor.gap_at : at]

    def _check_no_member(self) -> None:
        """A list whose item is followed by a colon lacks its end, and where that was is a guess."""
        if self._cursor.peek() in (":", "="):
            self._cursor.refuse(Refusal.COMMA_EXPECTED)

    def _comma(self, char: str, *, is_stray: bool) -> None:
        if is_stray or char == ";":
            self._cursor.note(Repair.COMMA)
        self._cursor.take()

    def _missing_comma(self, is_possible: bool) -> None:
        if not is_possible:
            self._cursor.refuse(Refusal.COMMA_EXPECTED)
        self._cursor.note(Repair.COMMA)

    def _note_comma(self, is_after_comma: bool) -> None:
        if is_after_comma:
            self._cursor.note(Repair.COMMA)

    def _end_of_reply(self, *, is_after_value: bool, is_after_comma: bool) -> None:
        """The end came first: only a container that a finished value ended may be closed."""
        if is_after_comma or not is_after_value:
            self._cursor.refuse(Refusal.CUT)
        self._cursor.note(Repair.CLOSER)
        self._open.pop()

    def _closes(self, closer: str) -> bool:
        """Whether the container ends here; False for a surplus closer, which is stepped over."""
        cursor, own = self._cursor, self._open[-1]
        if closer == CLOSER_OF[own]:
            cursor.take()
            self._open.pop()
            return True
        cursor.note(Repair.CLOSER)
        if OPENER_OF[closer] not in self._open:
            self._check_surplus(own)
            cursor.take()
            return False
        is_for_own = self._stands_for_own(closer)
        self._open.pop()
        if is_for_own:
            cursor.take()
        return True

    def _check_surplus(self, own: str) -> None:
        """Behind a bare value a closer without an opener may mean that the opener was lost: `"tags": "a"]`."""
        cursor = self._cursor
        if stands_behind_closer(cursor.text, cursor.at):
            return
        if own == "{" or not only_closers_follow(cursor.text, cursor.at):
            cursor.refuse(Refusal.WRONG_CLOSER)

    def _stands_for_own(self, closer: str) -> bool:
        """Of a wrong closer's two readings, the one that what follows allows.

        It was meant for the innermost container, or that one's closer is missing and it closes the next one out.
        """
        cursor = self._cursor
        text, behind = cursor.text, cursor.at + 1
        if only_closers_follow(text, behind):
            return True
        outer = self._open[-2]
        if outer != OPENER_OF[closer]:
            cursor.refuse(Refusal.WRONG_CLOSER)
        own_fits = continues(text, behind, outer)
        missing_fits = len(self._open) > 2 and continues(text, behind, self._open[-3])
        if own_fits == missing_fits:
            cursor.refuse(Refusal.WRONG_CLOSER)
        return own_fits


def _valid_part(cursor: Cursor) -> tuple[bool, object]:
    try:
        value, end = DECODER.raw_decode(cursor.text, cursor.at)
    except (ValueError, RecursionError):
        return False, None
    cursor.at = end
    return True, value
