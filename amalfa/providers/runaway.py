"""Ends a reply that goes on after the limit the provider was given. Does no I/O."""

from amalfa.errors import Truncated

# A piece is a token or several, so more pieces than tokens allowed means the limit is not kept; a little slack
# covers servers that split a token's characters.
SLACK_SHARE, SLACK_PIECES = 0.25, 32


class RunawayGuard:
    """Counts the pieces of one reply."""

    def __init__(self, model: str, *, max_tokens: int) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._most_pieces = int(max_tokens * (1 + SLACK_SHARE)) + SLACK_PIECES
        self._pieces = 0

    def count_piece(self) -> None:
        """Raise Truncated once the reply runs away."""
        self._pieces += 1
        if self._pieces > self._most_pieces:
            raise Truncated(f"{self._model} ran on after its limit of {self._max_tokens} tokens and was stopped.")
