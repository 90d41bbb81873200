"""Finds the documents of a reply among its prose, fences, tags and thoughts. Parses none itself."""

import re
from dataclasses import dataclass

from amalfa.errors import BadReply
from amalfa.execution.structured.cursor import Cursor
from amalfa.execution.structured.document import read_document, read_members
from amalfa.execution.structured.marks import BLANK, ENDS_OF, FULLWIDTH, INVISIBLE, JSON_BLANKS, QUOTED_MEMBER
from amalfa.execution.structured.policy import Refusal, Repair, refuse

# Attempts at documents in one reply; a reply with more is prose full of brackets.
DOCUMENTS_MAX = 50

_TAG = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad"
_THOUGHT_MARK = rf"(?P<thought><(?P<end>/?)(?:{_TAG})>|\[(?P<end2>/?)THINK\])"
_THOUGHT = re.compile(_THOUGHT_MARK, re.IGNORECASE)
_EVENT = re.compile(
    rf"{_THOUGHT_MARK}|(?P<fence>(?:```|~~~)[`~]*[^\S\n]*[\w+.\-]*)|(?P<opener>[{{\[｛［])",
    re.IGNORECASE,
)
_CHANNELS = re.compile(r"\s*(?:<\|start\|>\w*[ \n]?)?<\|channel\|>")
_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]{0,100}<\|message\|>")
_BARE_CHANNELS = re.compile(r"\s*analysis\b.*?assistant\s?final", re.DOTALL)
_LOOKS_LIKE_MEMBERS = re.compile(r"[{｛]\s*(?:[\"'`“”„‘’‚＂{｛}｝,;/#<\\.…]|[\w$][\w$.\-]*\s*(?:[:：=]|=>)|\Z)")
_LOOKS_LIKE_ITEMS = re.compile(
    r"[\[［]\s*(?:[\"'`“”„‘’‚＂{｛\[［(\]］,;/#<\\.…\d+\-]|(?:true|false|null|none|nan)\b|\Z)", re.IGNORECASE
)
_SPEAKS = re.compile(r"[\w.*\-]")
_LABEL = re.compile(r"(?:^|\n)[ \t]*(?:-[ \t]+)?(\w+)[ \t]*[:=][ \t]*\Z")
_KNOWN_LABELS = frozenset({"json", "result", "output", "answer", "response", "final", "here", "reply", "data"})
# What ends a list or an object of texts: the document went on where it seemed to be over.
_TORN_END = re.compile(r"[\"'”’]\s*[}\]]")
_YAML_LINE = re.compile(r"^[a-z_]\w*:(?:[ \t]|$)", re.MULTILINE)
_HTML = re.compile(r"\s*<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_LEFTOVER = re.compile(r"[\s}\])]*[,;]?\s*")
_ESCAPED_START = re.compile(r"[{\[](?:\s|\\[nrt])*(?:[{\[](?:\s|\\[nrt])*){0,8}\\+[\"']")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Document:
    """One object or array of a reply, and what was repaired to read it."""

    value: object
    repairs: tuple[Repair, ...]


def find_documents(text: str, names: frozenset[str] | None = None) -> list[Document]:
    """Every document of a reply, in order, without those that a finished thought holds. Raises BadReply.

    `names` are the keys that may be meant, as in `Cursor`.
    """
    if _HTML.match(text):
        refuse(Refusal.OTHER_FORMAT, text, 0)
    start, repairs = _final_channel(text)
    return _Search(text, start, repairs, names).documents()


def _final_channel(text: str) -> tuple[int, tuple[Repair, ...]]:
    if _CHANNELS.match(text):
        finals = list(_FINAL.finditer(text))
        if not finals:
            refuse(Refusal.NO_FINAL, text, 0)
        return finals[-1].end(), (Repair.CHANNEL,)
    if found := _BARE_CHANNELS.match(text):
        return found.end(), (Repair.CHANNEL,)
    return 0, ()


class _Search:
    """Walks through a reply from one mark that matters to the next."""

    def __init__(self, text: str, start: int, repairs: tuple[Repair, ...], names: frozenset[str] | None = None) -> None:
        self._text = text
        self._names = names
        self._at = start
        self._around: dict[Repair, None] = dict.fromkeys(repairs)
        self._found: list[Document] = []
        self._problem: BadReply | None = None
        self._tries = 0
        self._prose: list[str] = []

    def documents(self) -> list[Document]:
        self._members_at_start()
        while (event := self._next()) is not None:
            self._pass(event.start())
            if event["thought"]:
                self._thought(event)
            elif event["fence"]:
                self._around[Repair.FENCE] = None
                self._at = event.end()
                self._members_at_start()
            else:
                self._opener(event.start())
        self._pass(len(self._text))
        return self._checked()

    def _next(self) -> re.Match[str] | None:
        """The next mark; behind a broken document only the end of a thought matters, which makes a draft of it."""
        pattern = _EVENT if self._problem is None else _THOUGHT
        return pattern.search(self._text, self._at)

    def _checked(self) -> list[Document]:
        if self._problem is not None:
            raise self._problem
        if not self._found and self._text.lstrip().startswith("("):
            self._at = len(self._text) - len(self._text.lstrip())
            self._read(members=False)
            if self._problem is not None:
                raise self._problem
        if not self._found:
            refuse(Refusal.NO_DOCUMENT, self._text, 0)
        if any(QUOTED_MEMBER.search(passed) or _TORN_END.search(passed) for passed in self._prose):
            refuse(Refusal.LEFTOVER, self._text, 0)
        if len(_YAML_LINE.findall("\n".join(self._prose))) > 1:
            refuse(Refusal.OTHER_FORMAT, self._text, 0)
        around = tuple(self._around)
        return [Document(one.value, tuple(dict.fromkeys((*around, *one.repairs)))) for one in self._found]

    def _pass(self, until: int) -> None:
        """Leave what stands before `until` aside."""
        passed = self._text[self._at : until]
        visible = "".join(passed.split()).strip(INVISIBLE)
        if visible:
            self._around[Repair.PROSE] = None
            self._prose.append(passed)
        elif passed.strip(" \t\r\n"):
            # Blanks that JSON does not count as blanks, and marks that nobody sees.
            self._around[Repair.BOM if passed.strip() else Repair.SPACE] = None
        self._at = until

    def _thought(self, event: re.Match[str]) -> None:
        """Step over a thought. An end without a start makes a draft of all that came before."""
        if event["end"] or event["end2"]:
            self._found, self._problem, self._prose = [], None, []
            self._at = event.end()
        else:
            self._at = self._end_of_thought(event.start())
        self._around[Repair.THINK] = None
        self._members_at_start()

    def _end_of_thought(self, start: int) -> int:
        depth, end = 0, -1
        for tag in _THOUGHT.finditer(self._text, start):
            depth += -1 if tag["end"] or tag["end2"] else 1
            if depth == 0:
                end = tag.end()
                break
        if end < 0:
            refuse(Refusal.UNFINISHED_THOUGHT, self._text, start)
        return end

    def _members_at_start(self) -> None:
        """Read members that lost their opening brace, where a document would start."""
        at = BLANK.match(self._text, self._at).end()  # type: ignore[union-attr]  # the pattern also matches nothing
        if QUOTED_MEMBER.match(self._text, at):
            self._at = at
            self._read(members=True)

    def _opener(self, at: int) -> None:
        """Read a document, unless the bracket belongs to the prose."""
        text = self._text
        is_object = FULLWIDTH.get(text[at], text[at]) == "{"
        pattern = _LOOKS_LIKE_MEMBERS if is_object else _LOOKS_LIKE_ITEMS
        if not pattern.match(text, at) or (not is_object and self._is_mark(at)):
            self._at = at + 1
            if text[at - 1 : at].strip() or text[at + 1 : at + 2].strip():
                self._around[Repair.PROSE] = None
            return
        self._check_not_member(at)
        if _ESCAPED_START.match(text, at):
            self._escaped(at)
        else:
            self._read(members=False)

    def _is_mark(self, at: int) -> bool:
        """Whether a list in the middle of a sentence is a mark such as [1] or [ ]."""
        line_start = self._text.rfind("\n", max(0, at - 300), at) + 1 or max(0, at - 300)
        before = self._text[line_start:at].rstrip()
        end = self._text.find("]", at, at + 300)
        has_strings = end < 0 or any(char in ENDS_OF or char == "{" for char in self._text[at:end])
        is_footnote = not before and end >= 0 and self._text[end + 1 : end + 3].strip(" :")[:1].isalpha()
        return not has_strings and (is_footnote or bool(before and _SPEAKS.match(before[-1])))

    def _check_not_member(self, at: int) -> None:
        """Refuse a value whose key stands outside of any document."""
        before = self._text[max(0, at - 100) : at].rstrip()
        if before[-1:] not in (":", "="):
            return
        label = _LABEL.search(before)
        if before[:-1].rstrip()[-1:] in tuple(ENDS_OF):
            refuse(Refusal.LEFTOVER, self._text, at)
        if before[-1] == ":" and label and label[1].islower() and label[1] not in _KNOWN_LABELS:
            refuse(Refusal.OTHER_FORMAT, self._text, at)

    def _read(self, *, members: bool) -> None:
        self._tries += 1
        if self._tries > DOCUMENTS_MAX:
            refuse(Refusal.TOO_BROKEN, self._text, self._at)
        cursor = Cursor(self._text, self._at, self._names)
        try:
            value = read_members(cursor) if members else read_document(cursor)
            self._after(cursor)
        except BadReply as problem:
            # A draft may be broken: the end of its thought can still follow.
            self._problem = problem
            self._at += 1
            return
        self._found.append(Document(value, tuple(cursor.repairs)))
        self._at = cursor.at

    def _after(self, cursor: Cursor) -> None:
        """Step over surplus closers; refuse when members follow, as then the document did not end there."""
        text = self._text
        if text[cursor.at : cursor.at + 1].isdigit():
            refuse(Refusal.LEFTOVER, text, cursor.at)
        rest = _LEFTOVER.match(text, cursor.at)
        end = rest.end() if rest else cursor.at
        passed = text[cursor.at : end]
        if any(char in passed for char in "}])"):
            cursor.note(Repair.CLOSER)
        if "," in passed or ";" in passed:
            cursor.note(Repair.COMMA)
        if any(char.isspace() and char not in JSON_BLANKS for char in passed):
            cursor.note(Repair.SPACE)
        if QUOTED_MEMBER.match(text, end) or ("," in passed and text[end : end + 1] in ENDS_OF and end < len(text)):
            refuse(Refusal.LEFTOVER, text, end)
        cursor.at = end

    def _escaped(self, at: int) -> None:
        """Read a document whose quote marks are all escaped, as if it had been written once only."""
        tail = _ESCAPED.sub(lambda found: _UNESCAPED.get(found[1], found[1]), self._text[at:])
        inner = _Search(tail, 0, (Repair.DOUBLE_ESCAPED,), self._names)
        self._found += inner.documents()
        self._at = len(self._text)
