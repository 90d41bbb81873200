"""Words as the index stores them, for notes and questions alike. Knows no grammar beyond that.

SQLite's tokenizer splits words, folds accents and stems English. Scripts written without spaces are indexed as pairs
of neighbouring characters in a column of their own, because to that tokenizer a whole clause of them is one word.
"""

import re
import unicodedata
from collections.abc import Callable
from itertools import filterfalse

import apsw

TOKENIZER = "porter unicode61 remove_diacritics 2"

Tokenize = Callable[[str], list[str]]

# Han, Hiragana, Katakana, Hangul, Thai, Lao, Khmer, Myanmar, and the Han of the supplementary planes.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\U00020000-\U0003ffff]+"
)
_NOT_WORD = re.compile(r"[\W_]+")


def tokenizer_of(connection: apsw.Connection) -> Tokenize:
    """The tokenizer of the index as a function; to be used on this connection's thread only."""
    name, *arguments = TOKENIZER.split()
    tokenizer = connection.fts5_tokenizer(name, arguments)

    def tokenize(text: str) -> list[str]:
        return tokenizer(  # type: ignore[return-value]  # with both includes off it gives plain strings
            text.encode(errors="replace"),
            apsw.FTS5_TOKENIZE_DOCUMENT,
            None,
            include_offsets=False,
            include_colocated=False,
        )

    return tokenize


def character_pairs(text: str) -> list[str]:
    """Pairs of neighbouring characters of every unspaced run, and the last character of each run alone.

    With the last one a single character can be found by prefix wherever it stands.
    """
    pairs: list[str] = []
    for run in unspaced_runs(text):
        pairs.extend(run[at : at + 2] for at in range(len(run)))
    return pairs


def unspaced_runs(text: str) -> list[str]:
    return _UNSPACED.findall(unicodedata.normalize("NFKC", text)) if not text.isascii() else []


# Letters with a part that no mark can be taken from, as people type them who lack the key.
_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "đ": "d", "Đ": "D"}
)


def fold(text: str) -> str:
    """A name as it is compared: lower case, no accents, one space for whatever is no letter or digit."""
    if not text.isascii():
        # Every search folds whole passages, so this runs without a Python step for each character.
        text = "".join(filterfalse(unicodedata.combining, unicodedata.normalize("NFKD", text.translate(_LETTERS))))
    return _NOT_WORD.sub(" ", text.lower()).strip()
