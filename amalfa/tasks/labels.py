"""Matches the sources of a checked answer with the numbers that stand in the text as it was streamed.

Sonar checks citations when the text is whole: it takes out those it cannot verify and counts the others anew. What has
been streamed keeps the model's numbers, so the list below it must use them as well.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

_MARKER = re.compile(r"(?<![\[\\!^])\[(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\](?![\](])")

Labels = Mapping[int, Sequence[int]]
"""Number of a citation → the numbers it has in the streamed text."""


def labels_in(streamed: str, checked: str) -> Labels | None:
    """The labels by which `streamed` names the citations of `checked`; None when more than the markers differ.

    Where a claim has several markers and some were taken out, nobody can say which, so what is left has them all.
    """
    words, before = _apart(streamed)
    checked_words, after = _apart(checked)
    if words != checked_words:
        return None
    labels: dict[int, dict[int, None]] = {}
    for place, numbers in after.items():
        given = before.get(place, [])
        pairs = zip(numbers, ([label] for label in given), strict=True) if len(numbers) == len(given) else None
        for number, own in pairs or ((number, given) for number in numbers):
            labels.setdefault(number, {}).update(dict.fromkeys(own))
    return {number: tuple(own) for number, own in labels.items()}


def _apart(text: str) -> tuple[str, dict[int, list[int]]]:
    """The text without markers and blanks, and the numbers of the markers by how much text stands before them."""
    words, places, at = "", dict[int, list[int]](), 0
    for marker in _MARKER.finditer(text):
        words += "".join(text[at : marker.start()].split())
        places.setdefault(len(words), []).extend(dict.fromkeys(_numbers(marker[1])))
        at = marker.end()
    return words + "".join(text[at:].split()), places


def _numbers(inside: str) -> Iterator[int]:
    for part in re.split(r"[,;]", inside):
        ends = [int(end) for end in re.findall(r"\d+", part)]
        yield from range(ends[0], ends[-1] + 1) if ends[0] <= ends[-1] <= ends[0] + 20 else ends
