"""The places an answer or a search points at, one line each, clickable where the terminal can."""

from amalfa.cli.safe_text import safe, safe_line
from amalfa.cli.terminal import Screen, note_link
from amalfa.client.document import Document
from amalfa.tasks.labels import Labels

_EXCERPT_LINES = 3


def source_lines(citations: list[Document], screen: Screen, root: str, labels: Labels) -> str:
    """`Sources:` and a line per citation, by the labels it has in the text; "" when there is none.

    The result is safe to print as it is. A citation without labels keeps its own number.
    """
    if not citations:
        return ""
    lines = [f"{screen.paint('Sources:', 'bold')}"]
    for citation in citations:
        heading = safe_line(citation.text("heading"))
        doubt = "" if citation.raw("verified") is not False else " (not verified)"
        number = citation.whole("n") or 0
        label = "".join(f"[{one}]" for one in labels.get(number, (number,)))
        lines.append(f"{label} {place(citation, screen, root)}" + (f"  {heading}" if heading else "") + doubt)
    return "\n".join(lines) + "\n"


def passage_lines(passages: list[Document], screen: Screen, root: str) -> str:
    """Found passages: `path:start-end  heading`, and on a terminal the first lines and the note's summary below."""
    blocks = []
    for passage in passages:
        heading = safe_line(passage.text("heading"))
        first = place(passage, screen, root) + (f"  {heading}" if heading else "")
        blocks.append("\n".join([first, *(_excerpt(passage, screen) if screen.is_live else [])]))
    return "\n".join(blocks) + "\n" if blocks else ""


def whole_passages(passages: list[Document], screen: Screen, root: str) -> str:
    """Passages with their whole text, as they would be sent to a model."""
    return "\n".join(
        f"{screen.paint(place(passage, screen, root), 'bold')}  {safe_line(passage.text('heading'))}".rstrip()
        + f"\n\n{safe(passage.text('text')).strip()}\n"
        for passage in passages
    )


def place(spot: Document, screen: Screen, root: str) -> str:
    lines = spot.whole("start_line"), spot.whole("end_line")
    return note_link(screen, root, spot.text("path"), lines)


def _excerpt(passage: Document, screen: Screen) -> list[str]:
    lines = [line for line in safe(passage.text("text")).splitlines() if line.strip()][:_EXCERPT_LINES]
    summary = safe_line(passage.text("summary"))
    if summary:
        lines.append(f"summary: {summary}")
    return [screen.paint("    " + line.strip()[: max(screen.width - 5, 10)], "dim") for line in lines]
