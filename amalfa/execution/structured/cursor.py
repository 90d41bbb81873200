"""A place in a reply, moved forward past blanks and comments. Knows no values."""

from typing import NoReturn

from amalfa.execution.structured.marks import (
    BLANK,
    COMMENT,
    COMMENT_MARKS,
    ELIDING_COMMENT,
    END_MARK,
    FULLWIDTH,
    INVISIBLE,
    JSON_BLANKS,
    QUOTED_MEMBER,
    SHORT_COMMENT,
)
from amalfa.execution.structured.policy import Refusal, Repair, refuse

# More parts than this are read only when they are valid JSON: repairing costs microseconds for each.
PARTS_MAX = 20_000


class Cursor:
    """Reads `text` from `at`; `gap_at` is where the last gap began.

    `repairs` keeps the order in which they were first needed. `names` are the keys that may be meant, in lower
    case; None when any may be.
    """

    __slots__ = ("_parts", "at", "gap_at", "names", "repairs", "text")

    def __init__(self, text: str, at: int = 0, names: frozenset[str] | None = None) -> None:
        self.text = text
        self.names = names
        self.at = self.gap_at = at
        self.repairs: dict[Repair, None] = {}
        self._parts = 0

    def note(self, repair: Repair) -> None:
        self.repairs[repair] = None

    def refuse(self, why: Refusal, at: int | None = None) -> NoReturn:
        refuse(why, self.text, self.at if at is None else at)

    def count_part(self) -> None:
        self._parts += 1
        if self._parts > PARTS_MAX:
            self.refuse(Refusal.TOO_BROKEN)

    def peek(self) -> str:
        """The next character that counts, in its ASCII form; "" where the document ends."""
        before = self.at
        self._skip()
        if self.at != before:
            self.gap_at = before
        char = self.text[self.at : self.at + 1]
        if char in "`~<[" and END_MARK.match(self.text, self.at):
            return ""
        return FULLWIDTH.get(char, char)

    def take(self) -> None:
        """Step over the character that `peek` showed."""
        if self.text[self.at] in FULLWIDTH:
            self.note(Repair.FULLWIDTH)
        self.at += 1

    @property
    def is_at_end(self) -> bool:
        return self.at >= len(self.text)

    def _skip(self) -> None:
        while True:
            self._skip_blanks()
            if self.text[self.at : self.at + 1] not in ("/", "#", "<"):
                return
            found = COMMENT.match(self.text, self.at)
            if found is None:
                if self.text.startswith(("/*", "<!--"), self.at):
                    self.refuse(Refusal.COMMENT)
                return
            self._check_comment(found.group())
            self.note(Repair.COMMENT)
            self.at = found.end()

    def _skip_blanks(self) -> None:
        end = BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]  # the pattern also matches nothing
        if end == self.at:
            return
        odd = self.text[self.at : end].strip(JSON_BLANKS)
        if odd:
            self.note(Repair.BOM if odd.strip(INVISIBLE) != odd else Repair.SPACE)
        self.at = end

    def _check_comment(self, comment: str) -> None:
        """A comment may stand for parts that were left out, or swallow the rest of its line."""
        words = COMMENT_MARKS.sub("", comment)
        if ELIDING_COMMENT.match(words):
            self.refuse(Refusal.ELIDED)
        if not comment.startswith(("//", "#")):
            return
        line_start = self.text.rfind("\n", 0, self.at) + 1
        is_own_line = not self.text[line_start : self.at].strip()
        if not is_own_line and (QUOTED_MEMBER.search(words) or words.rstrip().endswith(("}", "]"))):
            self.refuse(Refusal.COMMENT)
        if self.at + len(comment) == len(self.text):
            self.refuse(Refusal.COMMENT)


def after_gap(text: str, at: int) -> int:
    """The next place after blanks and short comments, without a cursor."""
    for _ in range(4):
        at = BLANK.match(text, at).end()  # type: ignore[union-attr]  # the pattern also matches nothing
        comment = SHORT_COMMENT.match(text, at)
        if comment is None:
            return at
        at = comment.end()
    return at
