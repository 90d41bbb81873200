"""Puts tool calls together from the pieces in which they come."""

from amalfa.messages import ToolCall
from amalfa.providers.provider import ToolCallDelta


class ToolWishes:
    """The tool calls of one reply so far."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[ToolCallDelta]] = {}

    def add(self, piece: ToolCallDelta) -> None:
        self._pieces.setdefault(piece.index, []).append(piece)

    def whole(self) -> tuple[ToolCall, ...]:
        """All of them, in the order of their numbers."""
        return tuple(_joined(pieces) for _, pieces in sorted(self._pieces.items()))


def _joined(pieces: list[ToolCallDelta]) -> ToolCall:
    return ToolCall(
        id=next((piece.id for piece in pieces if piece.id), ""),
        name="".join(piece.name for piece in pieces),
        arguments="".join(piece.arguments for piece in pieces),
    )
