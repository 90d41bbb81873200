"""The way of an answer through a pipeline as a table: one line for each node that had to do with it."""

from collections.abc import Sequence

from amalfa.cli.safe_text import safe_line
from amalfa.cli.table import table
from amalfa.cli.wording import duration
from amalfa.client.document import Document

HEADS = ("node", "layer", "does", "model", "time", "tokens", "cost", "decided")


def hops_text(hops: Sequence[Document], *, width: int) -> str:
    """The table; "" when no node was passed."""
    return table(HEADS, [_row(hop) for hop in hops], width=width) if hops else ""


def _row(hop: Document) -> list[str]:
    layer, outcome = hop.whole("layer"), hop.text("outcome")
    did = hop.text("does") + ("" if outcome in ("", "ok") else f": {outcome}")
    asked = bool(hop.text("model"))
    return [
        safe_line(hop.text("node")),
        "" if layer is None else str(layer),
        safe_line(did),
        safe_line(hop.text("model")) or "-",
        duration(hop.number("ms") or 0),
        _tokens(hop) if asked else "-",
        _cost(hop.number("costUsd")) if asked else "-",
        safe_line(hop.text("decided")),
    ]


def _tokens(hop: Document) -> str:
    counts = (hop.whole("tokensIn"), hop.whole("tokensOut"))
    return "/".join("?" if number is None else f"{number:,}" for number in counts)


def _cost(cost_usd: float | None) -> str:
    return "unknown" if cost_usd is None else f"${cost_usd:g}"
