"""What the text around a closing bracket says of it. Moves no cursor."""

import re

from amalfa.execution.structured.cursor import after_gap
from amalfa.execution.structured.marks import BARE_MEMBER, CLOSER_OF, CLOSERS, END_MARK, QUOTED_MEMBER

_ONLY_CLOSERS = re.compile(r"[\s}\])]*")


def stands_behind_closer(text: str, at: int) -> bool:
    """Whether another closer comes right before; blanks up to a usual indent are looked past."""
    return text[max(0, at - 200) : at].rstrip()[-1:] in tuple(CLOSERS)


def only_closers_follow(text: str, at: int) -> bool:
    """Whether nothing but closers comes until the document ends."""
    rest = _ONLY_CLOSERS.match(text, at)
    end = rest.end() if rest else at
    return end >= len(text) or bool(END_MARK.match(text, end))


def continues(text: str, at: int, opener: str) -> bool:
    """Whether a container opened by `opener` may go on at `at`: by a comma and what belongs into it."""
    at = after_gap(text, at)
    if text[at : at + 1] not in (",", ";"):
        return text[at : at + 1] == CLOSER_OF[opener]
    at = after_gap(text, at + 1)
    is_member = bool(QUOTED_MEMBER.match(text, at) or BARE_MEMBER.match(text, at))
    return is_member == (opener == "{")
