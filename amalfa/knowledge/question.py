"""Takes a question apart into the units that are looked for: names, identifiers, quoted phrases, numbers, words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate

from amalfa.knowledge.dates import TimeWish, read_time
from amalfa.knowledge.stopwords import is_light, language_of, stop_words
from amalfa.knowledge.words import Tokenize, character_pairs, fold, unspaced_runs
from amalfa.providers.embedded.scene import is_indirect, scenes

MAX_QUESTION_CHARACTERS = 4_000
MAX_UNITS = 32


class Kind(StrEnum):
    """What a unit is; all but WORD have to stand together as written."""

    PHRASE = "phrase"  # in quotation marks
    IDENTIFIER = "identifier"  # foo.bar, OLLAMA_HOST, --max-cost, v1.2.3
    NAME = "name"  # capitalised, or known as the name of a note
    NUMBER = "number"
    UNSPACED = "unspaced"  # a run of Chinese, Japanese, Thai ...; its tokens are character pairs
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing a question asks for. `tokens` are as the index stores them; `start` is its offset in the question.

    `is_scene`: it stands in a part of the question that asks nothing ("The printer is stuck again. …").
    """

    text: str
    kind: Kind
    tokens: tuple[str, ...]
    start: int
    is_light: bool = False
    is_scene: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_anchor(self) -> bool:
        """Whether it names what the question is about, rather than what is asked about it."""
        return self.kind in {Kind.PHRASE, Kind.IDENTIFIER, Kind.NAME, Kind.NUMBER}


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the question, small ones included, folded as names of notes are; offsets are into its text."""

    folded: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question taken apart.

    `expects_value` tells whether an answer needs a number, a date or a time ("how long", "when"). `counts_from`
    is the offset behind "how many", where what is to be counted is named; None when nothing is. `last` is the
    last word, which may be cut off; None when the text ends otherwise. `is_indirect`: it is about somebody or something
    that it only describes ("whoever leads Kestrel"), which a link may name. `language` is
    the one its small words are of, "en" when none stands out.
    """

    text: str
    units: tuple[Unit, ...]
    words: tuple[Word, ...] = ()
    time: TimeWish = field(default_factory=TimeWish)
    expects_value: bool = False
    counts_from: int | None = None
    last: str | None = None
    is_indirect: bool = False
    language: str = "en"


_QUOTED = re.compile(r"\"([^\"]{2,200})\"|“([^”]{2,200})”|«([^»]{2,200})»|„([^“”]{2,200})[“”]|`([^`]{1,200})`")
_PIECE = re.compile(
    r"(?<![\w-])--?[A-Za-z]\w*(?:-\w+)*"  # a command line flag
    r"|\w+(?:(?:[._:@+#\\/-]|::)\w+)+"  # held together by inner marks
    r"|\w+(?:['’]\w+)?"
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # halves of characters cannot be stored or sent
_POSSESSIVE = re.compile(r"['’]s?$")
_IDENTIFIER = re.compile(r"(?=.*[._:@+#\\]|--)|(?=.*\d)(?=.*[^\W\d])|-\w|\d+-\d")
_MIXED_CASE = re.compile(r"[a-z]+[A-Z]|[A-Z]{2,}[a-z]{2,}")
_SENTENCE_END = re.compile(r"[.?!:]\s+$")
_EXPECTS_VALUE = re.compile(
    r"\bhow (?:much|many|long|old|far|fast|high|hot|cold|big|large|tall|heavy|deep|wide|often|late|early)\b|\bwhen\b"
    r"|\b(?:what|which) (?:time|date|year|day|month|percentage|price|amount|number)\b"
    r"|\bwie ?viele?\b|\bwie (?:hoch|lange|alt|oft|gro(?:ß|ss)|weit)\b|\bwann\b|\bcombien\b|\bquand\b"
    r"|\bcu[aá]nt[oa]s?\b|\bcu[aá]ndo\b|\bquant[oiae]\b|\bquando\b",
    re.IGNORECASE,
)
_HOW_MANY = re.compile(r"\bhow many\b", re.IGNORECASE)
_HOW = frozenset({"how", "wie", "combien", "cuán"})
_WHICH = frozenset({"which", "what"})
_MANY = frozenset({"many", "viele"})
_SPANS = frozenset({"minutes", "hours", "days", "weeks", "months", "years"})
_MEASURES = frozenset({"date", "day", "year", "month", "time", "number", "amount", "percentage"})
# Particles, endings and question words of Japanese, Chinese and Korean; they stand between the words that matter.
_FUNCTION_CHARACTERS = re.compile(
    r"[\u3041-\u309f]+|什么|怎么|怎样|如何|哪个|哪里|哪些|多少|为什么|何时|[的了是在有吗呢吧谁请和与几何誰]"
    r"|무엇|언제|어디|누구|누가|어떻게|얼마|몇|왜|입니까|습니까|인가요|나요"
)
_WEEKDAYS = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})
_JOINS = frozenset({"of", "the", "de", "von", "van", "der", "la", "du"})


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word of the question as it stands there; `bare` is folded to lower case without a possessive s."""

    text: str
    start: int
    end: int

    @property
    def bare(self) -> str:
        return _POSSESSIVE.sub("", self.text).lower().replace("’", "'")

    @property
    def is_possessive(self) -> bool:
        return _POSSESSIVE.search(self.text) is not None


def read_question(text: str, tokenize: Tokenize) -> Question:
    """The units of a question in order, repeated ones once."""
    text = " ".join(_UNPRINTABLE.sub(" ", text[:MAX_QUESTION_CHARACTERS]).split())
    time = read_time(text)
    taken = list(time.spans)
    quoted = list(_quoted(text, tokenize, taken))
    pieces = list(_pieces(text, taken))
    language = language_of(piece.bare for piece in pieces)
    rest = _units(text, pieces, language, tokenize)
    ordered = _with_scenes(sorted((*quoted, *rest), key=lambda unit: unit.start), text)
    # What is said in a scene and asked again counts as asked.
    asked = {unit.tokens for unit in ordered if not unit.is_scene}
    units = {unit.tokens: unit for unit in ordered if unit.tokens and not (unit.is_scene and unit.tokens in asked)}
    last = pieces[-1] if pieces and pieces[-1].end == len(text) else None
    words = tuple(Word(fold(piece.bare), piece.start, piece.end) for piece in _pieces(text, time.spans))
    return Question(
        text=text,
        units=tuple(units.values())[:MAX_UNITS],
        words=words,
        time=time,
        expects_value=_EXPECTS_VALUE.search(text) is not None,
        counts_from=counted.end() if (counted := _HOW_MANY.search(text)) else None,
        last=last.bare if last else None,
        is_indirect=is_indirect(text),
        language=language,
    )


def _with_scenes(units: Sequence[Unit], text: str) -> list[Unit]:
    """The units with the words of scenes marked, unless nothing but small words is left to ask with."""
    spans = scenes(text)
    marked = [
        replace(unit, is_scene=True) if unit.kind is Kind.WORD and _overlaps((unit.start, unit.end), spans) else unit
        for unit in units
    ]
    asks = any(unit.kind in {Kind.WORD, Kind.UNSPACED} and not (unit.is_scene or unit.is_light) for unit in marked)
    return marked if asks else list(units)


def _quoted(text: str, tokenize: Tokenize, taken: list[tuple[int, int]]) -> Iterator[Unit]:
    for match in _QUOTED.finditer(text):
        if not _overlaps(match.span(), taken):
            inner = next(filter(None, match.groups()))
            taken.append(match.span())
            yield Unit(inner, Kind.PHRASE, tuple(tokenize(inner)), text.index(inner, match.start()))


def _pieces(text: str, taken: Sequence[tuple[int, int]]) -> Iterator[_Piece]:
    for match in _PIECE.finditer(text):
        if _overlaps(match.span(), taken):
            continue
        parts = match[0].split("/")
        if len(parts) > 1 and all(part.isalpha() for part in parts):  # "read/write" is two words
            offsets = accumulate((len(part) + 1 for part in parts), initial=match.start())
            yield from (_Piece(part, at, at + len(part)) for part, at in zip(parts, offsets, strict=False))
        else:
            yield _Piece(match[0], match.start(), match.end())


def _overlaps(span: tuple[int, int], taken: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)


def _units(text: str, pieces: Sequence[_Piece], language: str, tokenize: Tokenize) -> Iterator[Unit]:
    stops = stop_words(language)
    # German writes every noun with a capital: there it marks no names.
    marks_names = language != "de" and not _is_title_case(pieces, stops)
    run: list[_Piece] = []
    for position, piece in enumerate(pieces):
        follower = pieces[position + 1] if position + 1 < len(pieces) else None
        if marks_names and _belongs_to_name(piece, follower, run, text, stops):
            run.append(piece)
            continue
        yield from _name(run, text, tokenize)
        run = []
        before = pieces[position - 1].bare if position else ""
        is_measure = before in _HOW or (before in _WHICH and piece.bare in _MEASURES)
        is_measure = is_measure or (before in _MANY and piece.bare in _SPANS)
        yield from _single(piece, stops, tokenize, is_measure=is_measure)
    yield from _name(run, text, tokenize)


def _is_title_case(pieces: Sequence[_Piece], stops: frozenset[str]) -> bool:
    """Whether capitals mean nothing here: every word that matters has one, or small words have them too."""
    content = [piece for piece in pieces if piece.bare not in stops]
    small = [piece for piece in pieces[1:] if piece.bare in stops and piece.text != "I"]
    all_capital = len(content) > 3 and all(piece.text[0].isupper() for piece in content)
    return all_capital or (bool(small) and all(piece.text[0].isupper() for piece in small))


def _belongs_to_name(
    piece: _Piece, follower: _Piece | None, run: Sequence[_Piece], text: str, stops: frozenset[str]
) -> bool:
    is_capitalised = _is_capitalised(piece) and piece.bare not in stops
    if run:
        is_next = text[run[-1].end : piece.start] == " " and not run[-1].is_possessive
        joins = piece.bare in _JOINS and follower is not None and _is_capitalised(follower)
        return is_next and (is_capitalised or piece.text.isdigit() or joins)
    if not is_capitalised or is_light(piece.bare) or piece.bare in _WEEKDAYS:
        return False
    begins_sentence = piece.start == 0 or _SENTENCE_END.search(text[: piece.start]) is not None
    if not begins_sentence:
        return True
    return follower is not None and _is_capitalised(follower) and text[piece.end : follower.start] == " "


def _is_capitalised(piece: _Piece) -> bool:
    bare = _POSSESSIVE.sub("", piece.text)
    is_acronym = len(bare) > 1 and bare.isupper()
    return bare[0].isupper() and not is_acronym and not unspaced_runs(bare)


def _name(run: Sequence[_Piece], text: str, tokenize: Tokenize) -> Iterator[Unit]:
    if run:
        name = _POSSESSIVE.sub("", text[run[0].start : run[-1].end])
        yield Unit(name, Kind.NAME, tuple(tokenize(name)), run[0].start)


def _single(piece: _Piece, stops: frozenset[str], tokenize: Tokenize, *, is_measure: bool) -> Iterator[Unit]:
    """The units of one piece outside any name; in "how big" or "which date" the second word says little."""
    if runs := unspaced_runs(piece.text):
        for part in (part for run in runs for part in _FUNCTION_CHARACTERS.split(run) or [run] if part):
            yield Unit(part, Kind.UNSPACED, tuple(character_pairs(part)[: max(1, len(part) - 1)]), piece.start)
    elif piece.text.isdigit():
        yield Unit(piece.text, Kind.NUMBER, tuple(tokenize(piece.text)), piece.start)
    elif _IDENTIFIER.match(piece.text):
        yield Unit(piece.text, Kind.IDENTIFIER, tuple(tokenize(piece.text)), piece.start)
    elif piece.bare not in stops:
        kind = Kind.NAME if _MIXED_CASE.search(piece.text) else Kind.WORD
        yield Unit(piece.bare, kind, tuple(tokenize(piece.bare)), piece.start, is_measure or is_light(piece.bare))
