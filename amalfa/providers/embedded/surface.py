"""Finds names and telling phrases in a text as they are written there. Keeps spelling; decides no types."""

import re
from collections import Counter
from collections.abc import Iterable

from amalfa.providers.embedded.terms import STOP_STEMS, fold, stem, terms_of

_CODE = re.compile(r"`([^`\n]{2,60})`")
_LINK = re.compile(r"\[\[([^\]|#\n]{2,80})")
_QUOTED = re.compile(r"[\"“«「]([^\"”»」\n]{2,60})[\"”»」]")
_IDENTIFIER = re.compile(r"(?<![\w/.-])(?:[\w-]+[./:_])*\w*(?:\d[\w.-]*\w|\w_\w\w*|[a-z][A-Z]\w*|\w\.[a-z]{2,5})\b")
_CAPITALISED = re.compile(
    r"(?<![\w'’])[A-ZÀ-ÖØ-ÞĀ-Ž][\w’'-]*(?:(?: | (?:de|da|van|von|of|the|del) )[A-ZÀ-ÖØ-ÞĀ-Ž0-9][\w’'-]*)*"
)
_CJK_WORD = re.compile(r"[\u30a0-\u30ff]{2,}|[\u4e00-\u9fff]{2,6}|[\uac00-\ud7af]{2,}")


def names_in(text: str, *, most: int) -> list[str]:
    """Names as written, the most frequent first: what is quoted, linked, code, capitalised or an identifier."""
    counts: Counter[str] = Counter()
    for shape in (_CODE, _LINK, _QUOTED, _IDENTIFIER, _CAPITALISED):
        for found in shape.finditer(text):
            name = (found.group(1) if shape.groups else found.group()).strip(" .,;:'’-")
            if _is_name(name) and not (shape is _CAPITALISED and _opens_sentence(text, found.start(), name)):
                counts[name] += 1
    return distinct((name for name, _ in counts.most_common()), most=most)


def _is_name(name: str) -> bool:
    return len(name) > 1 and not name.isdigit() and any(term not in STOP_STEMS for term in terms_of(name))


def _opens_sentence(text: str, at: int, name: str) -> bool:
    """Whether a single capitalised word owes its capital to its place only."""
    if " " in name or not name[1:].islower():
        return False
    before = text[:at].rstrip(" *_#>-[(|")
    return not before or before[-1] in ".!?:\n|"


def distinct(names: Iterable[str], *, most: int) -> list[str]:
    """The names without repeats that differ only in case, accents or being part of an earlier one."""
    kept: dict[str, str] = {}
    for name in names:
        key = fold(name)
        if key and key not in kept and not any(f" {key} " in f" {other} " for other in kept):
            kept[key] = name
        if len(kept) == most:
            break
    return list(kept.values())


def words_in(text: str) -> list[str]:
    """Meaningful words in order as lower-case surface forms: compounds whole, CJK by runs of one script."""
    found: list[str] = []
    for word in re.findall(r"[^\W_]+(?:[._:/@'’+-]+[^\W_]+)*", text.casefold()):
        if runs := _CJK_WORD.findall(word):
            found.extend(runs)
        elif stem(fold(word)) not in STOP_STEMS and fold(word) not in STOP_STEMS and len(word) > 1:
            found.append(word)
    return found
