"""Writes the places that an answer cites as plain text, for callers who know only text."""

from collections.abc import Iterable

from amalfa.tasks.grounded import Cited
from amalfa.tasks.labels import Labels


def source_list(citations: Iterable[Cited], labels: Labels | None) -> str:
    """What follows the answer: `Sources:` and a line for each place; "" when there is none.

    `labels` are the numbers by which the text names them, where those are not their own. None when nobody can say
    which belongs to which; then they have no number, as a wrong one would point at the wrong source.
    """
    lines = []
    for one in citations:
        label = "-" if labels is None else "".join(f"[{number}]" for number in labels.get(one.n, (one.n,)))
        heading = f"  {one.heading}" if one.heading else ""
        doubt = "" if one.verified else " (not verified)"
        lines.append(f"{label} {one.path}:{one.start_line}-{one.end_line}{heading}{doubt}")
    return "\n\nSources:\n" + "\n".join(lines) + "\n" if lines else ""
