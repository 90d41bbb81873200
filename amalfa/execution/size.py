"""How big a call is, before any model has counted."""

from amalfa.calls import Prompt
from amalfa.execution.budget import BYTES_PER_TOKEN_USUALLY, TOKENS_PER_MESSAGE, json_of, text_of, tokens_at_most
from amalfa.routing.plan import Size


def size_of(prompt: Prompt) -> Size:
    """Its tokens as they likely are and at most. The reply is taken to use all it may."""
    likely = sum(_likely(len(text_of(message))) for message in prompt.messages)
    if prompt.tools:
        likely += sum(_likely(len(json_of(definition))) for definition in prompt.tools.definitions)
    return Size(likely, tokens_at_most(prompt), prompt.max_tokens)


def _likely(characters: int) -> int:
    return characters // BYTES_PER_TOKEN_USUALLY + TOKENS_PER_MESSAGE
