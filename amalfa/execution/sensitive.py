"""Finds keys, e-mail addresses and card numbers in a text, each in one pass whose time grows with its length alone.

Every pattern starts where its run of characters starts (a look-behind) and never gives back what it took
(possessive repeats), so that no text makes it slow.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

Span = tuple[int, int]
"""Start and end of a stretch of a text."""

Find = Callable[[str], Iterable[Span]]

_TOKEN = re.compile(
    r"""
      (?: sk-or-v1- | sk-ant- | sk-proj- | github_pat_ )[A-Za-z0-9_-]{12,}+
    | (?<![A-Za-z0-9])
      (?: (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}+
        | gh[pousr]_[A-Za-z0-9]{20,}+
        | glpat-[A-Za-z0-9_-]{16,}+
        | (?:hf|gsk|npm)_[A-Za-z0-9]{20,}+
        | A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])
        | xox[abeprs]-[A-Za-z0-9-]{10,}+
        | AIza[A-Za-z0-9_-]{30,}+
      )
    | (?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?
    """,
    re.VERBOSE,
)
"""What keys look like at the services that give them out, and JSON Web Tokens."""

_SK = re.compile(r"(?<![A-Za-z0-9_-])sk-[A-Za-z0-9_-]{16,}+")
_AUTHORIZATION = re.compile(
    r"authorization[\"'\\]{0,4}+\s?[:=]\s{0,4}+[\"'\\]{0,2}+(?:bearer|basic|token|digest)\s{1,4}+([^\s\"'`\\<>]{8,}+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\bbearer[ \t]{1,8}+([A-Za-z0-9._~+/=-]{16,}+)", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""
      (?: (?:api|access|secret|private|auth|client|session|signing|encryption)[-_\x20]?(?:key|token|secret)
        | passwor[dt] | passwd | passphrase | kennwort | pwd | secret | token | credentials?
      )
      (?: s | _?[0-9]{1,3}+ | [-_][A-Za-z0-9_-]{1,16}+ )?+
      [\\"'`*]{0,4}+ [ \t]{0,8}+ (?: :=? | =>? ) [*]{0,2}+ [ \t]{0,8}+
      (?: "([^"\s\\]{8,}+)" | '([^'\s\\]{8,}+)' | [\\"'`]{0,2}+ ([^\s"'`\\,;<>(){}\[\]]{8,}+) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A name that people give to secrets, a sign of assignment, and the value with or without quotes."""

_LOGIN_IN_URL = re.compile(r"://[^\s/@:]{0,64}+:([^\s/@]{1,256}+)@")

_PEM_EDGE = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----")
_PEM_WHOLE_BODY = re.compile(r"[A-Za-z0-9+/=\s\\:,.-]*+")
_PEM_HEAD = re.compile(r"(?:\s|\\[nr]|(?:Proc-Type|DEK-Info|Comment|Version): [^\n]{1,80}\n|[A-Za-z0-9+/=]{16,}+)*+")
_PEM_TAIL_BACKWARDS = re.compile(r"(?:\s|[nr]\\)*+(?:[A-Za-z0-9+/=]{1,15}+(?=\s))?+(?:\s|[A-Za-z0-9+/=\\]{16,}+)*+")
_PEM_MAX_CHARACTERS = 16_384
"""A private key of 16,384 bits is shorter, headers and line breaks included."""

_EMAIL = re.compile(r"(?<![\w.%+&-])([\w.%+&-]++)@([\w-]++(?:\.[\w-]++)++)")

_DIGITS = re.compile(r"(?<![A-Za-z0-9])(?<![0-9][.,])[0-9]++(?:[ \u00a0\u202f-][0-9]++)*+")
_GROUP = re.compile(r"[0-9]+")
_GOES_ON = re.compile(r"[A-Za-z]|[.,][0-9]")
# Networks give out numbers that begin with 3 to 6, and Mastercard with 22 to 27 as well (ISO/IEC 7812); without
# this, one in ten dates and time stamps would pass for a card.
_CARD_START = re.compile(r"[3-6]|2[2-7]")
CARD_DIGITS = range(13, 20)
# 4-4-4-4-3, 4-6-5, 6-13: no card is printed in more groups, or with another first one.
CARD_GROUPS_MAX = 5
CARD_FIRST_GROUP = range(4, 7)

_LUHN_DOUBLED = str.maketrans("0123456789", "0246813579")


def find_keys(text: str) -> Iterator[Span]:
    """Keys, tokens, private key blocks, passwords in URLs, and values of names like `password` that look random."""
    yield from (match.span() for match in _TOKEN.finditer(text))
    yield from (match.span() for match in _SK.finditer(text) if _has_digit(match[0]))
    yield from _private_keys(text)
    yield from (match.span(1) for match in _AUTHORIZATION.finditer(text) if _is_mixed(match[1]))
    for pattern in (_BEARER, _ASSIGNED):
        for match in pattern.finditer(text):
            value = match.lastindex or 0
            if looks_random(match[value]):
                yield match.span(value)
    if "://" in text:
        yield from (match.span(1) for match in _LOGIN_IN_URL.finditer(text) if not _is_placeholder(match[1]))


def find_emails(text: str) -> Iterator[Span]:
    """Addresses whose domain has a dot and ends in letters; `git@` is nobody's."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if match[1] != "git" and match[2].rpartition(".")[2].strip("-_").isalpha():
                yield match.span()


def find_cards(text: str) -> Iterator[Span]:
    """Payment card numbers: 13 to 19 digits, in groups or not, whose check digit is right."""
    for match in _DIGITS.finditer(text):
        if match.end() - match.start() < CARD_DIGITS.start:
            continue
        groups = [group.span() for group in _GROUP.finditer(text, *match.span())]
        if _GOES_ON.match(text, match.end()):
            groups.pop()
        yield from _cards_in(text, groups)


FINDERS: Mapping[str, Find] = {"keys": find_keys, "emails": find_emails, "cards": find_cards}
"""The built-in kinds, by their names in `sonar.privacy.redactBuiltIn`."""


def looks_random(value: str) -> bool:
    """Whether an assigned value is a secret rather than a word, a number or the place for a secret."""
    if _is_placeholder(value) or len(set(value)) < 6:
        return False
    has_letter = any(character.isalpha() for character in value)
    if has_letter and _has_digit(value):
        return True
    # Capitals inside a word, as no language writes them.
    inner_capitals = sum(character.isupper() for character in value[1:])
    return value.isalpha() and len(value) >= 12 and inner_capitals >= 3 and any(map(str.islower, value))


_PLACEHOLDER = re.compile(r"[$%<{\[]|your|example|xxx|\.\.\.|…", re.IGNORECASE)


def _is_placeholder(value: str) -> bool:
    return _PLACEHOLDER.match(value) is not None


def _is_mixed(value: str) -> bool:
    """Whether a value is no plain word; looser than `looks_random`, for places where nothing but a secret stands."""
    has_both_cases = any(map(str.isupper, value)) and any(map(str.islower, value))
    return not _is_placeholder(value) and (has_both_cases or _has_digit(value))


def _has_digit(value: str) -> bool:
    return any(map(str.isdigit, value))


def _private_keys(text: str) -> Iterator[Span]:
    """Whole blocks, and halves of blocks: a note's passages may cut one in two."""
    if "PRIVATE KEY" not in text:
        return
    edges = list(_PEM_EDGE.finditer(text))
    done_to = 0
    for edge, following in zip(edges, [*edges[1:], None], strict=True):
        if edge.start() < done_to:
            continue
        if edge[1] == "END":
            span = (_body_start(text, done_to, edge.start()), edge.end())
        elif following is not None and following[1] == "END" and _is_body(text, edge.end(), following.start()):
            span = (edge.start(), following.end())
        else:
            body = _PEM_HEAD.match(text, edge.end())
            span = (edge.start(), body.end() if body else edge.end())
        yield span
        done_to = span[1]


def _is_body(text: str, start: int, end: int) -> bool:
    return end - start <= _PEM_MAX_CHARACTERS and _PEM_WHOLE_BODY.fullmatch(text, start, end) is not None


def _body_start(text: str, start: int, end: int) -> int:
    """Where the lines of a key begin that end at `end`; read backwards, which takes one pass."""
    backwards = text[max(start, end - _PEM_MAX_CHARACTERS) : end][::-1]
    body = _PEM_TAIL_BACKWARDS.match(backwards)
    return end - (body.end() if body else 0)


def _cards_in(text: str, groups: list[Span]) -> Iterator[Span]:
    """The longest numbers that begin and end with a group and pass the check, from left to right."""
    first = 0
    while first < len(groups):
        last = _card_from(text, groups, first)
        if last is not None:
            yield groups[first][0], groups[last][1]
        first = first + 1 if last is None else last + 1


def _card_from(text: str, groups: list[Span], first: int) -> int | None:
    """The last group of the longest card number that begins with group `first`."""
    start, end = groups[first]
    if (end - start not in CARD_FIRST_GROUP and end - start not in CARD_DIGITS) or not _CARD_START.match(text, start):
        return None
    digits, found = "", None
    for position, (start, end) in enumerate(groups[first : first + CARD_GROUPS_MAX], first):
        if len(digits) + end - start >= CARD_DIGITS.stop:
            break
        digits += text[start:end]
        if len(digits) in CARD_DIGITS and passes_luhn(digits):
            found = position
    return found


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    plain, doubled = digits[-1::-2], digits[-2::-2].translate(_LUHN_DOUBLED)
    return (sum(plain.encode()) + sum(doubled.encode()) - ord("0") * len(digits)) % 10 == 0
