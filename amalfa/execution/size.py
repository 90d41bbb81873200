"""How big a call is, before any model has counted."""

from amalfa.calls import Prompt
from amalfa.execution.budget import BYTES_PER_TOKEN_USUALLY, TOKENS_PER_MESSAGE, tokens_at_most
from amalfa.routing.plan import Size


def size_of(prompt: Prompt) -> Size:
    """Its tokens as they likely are and at most. The reply is taken to use all it may."""
    likely = sum(len(message.content) // BYTES_PER_TOKEN_USUALLY + TOKENS_PER_MESSAGE for message in prompt.messages)
    return Size(likely, tokens_at_most(prompt), prompt.max_tokens)
