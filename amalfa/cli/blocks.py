"""Cuts Markdown that is still arriving into blocks that can be drawn for good. Draws nothing."""

import re

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}(\s|$)")
_ITEM = re.compile(r"\s*([-*+]|\d{1,9}[.)])(\s|$)")


class Blocks:
    """Collects text and hands out each block once nothing that follows can change how it looks.

    A block ends at an empty line, unless the next line belongs to it: an indented one, or the next item of a
    list. Code fences are never cut. A heading is a block of its own.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._partial = ""
        self._fence = ""
        self._is_after_gap = False

    def feed(self, text: str) -> list[str]:
        """Take in text and return the blocks that are now whole, in order."""
        *whole, self._partial = (self._partial + text).split("\n")
        done: list[str] = []
        for line in whole:
            self._take(line, done)
        # One character is enough to see that a new block begins, so the old one need not wait for the line's end.
        if self._is_after_gap and self._partial and not self._continues(self._partial):
            self._close(done)
        return done

    @property
    def pending(self) -> str:
        """What has come of the block that is not whole yet."""
        return "\n".join([*self._lines, self._partial]).lstrip("\n")

    def rest(self) -> str:
        """The last block, whole or not; afterwards nothing is pending."""
        text = self.pending
        self._lines, self._partial, self._fence, self._is_after_gap = [], "", "", False
        return text

    def _take(self, line: str, done: list[str]) -> None:
        if self._fence:
            self._lines.append(line)
            if line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0]):
                self._fence = ""
            return
        if not line.strip():
            self._is_after_gap = bool(self._lines)
            self._lines.append(line)
            return
        if self._is_after_gap and not self._continues(line):
            self._close(done)
        self._is_after_gap = False
        if _HEADING.match(line):
            self._close(done)
            done.append(line)
            return
        opening = _FENCE.match(line)
        if opening:
            self._fence = opening[1]
        self._lines.append(line)

    def _continues(self, line: str) -> bool:
        is_list = bool(_ITEM.match(next((kept for kept in self._lines if kept.strip()), "")))
        if line[:1] in (" ", "\t"):
            return True
        # A lone "1" or "-" may yet become an item; better to wait for the rest of the line.
        return is_list and (bool(_ITEM.match(line)) or bool(re.fullmatch(r"\d{1,9}", line)))

    def _close(self, done: list[str]) -> None:
        block = "\n".join(self._lines).strip("\n")
        if block:
            done.append(block)
        self._lines, self._is_after_gap = [], False
