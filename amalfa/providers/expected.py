"""What a reply may be, as its prompt says. Does no I/O."""

from dataclasses import dataclass

from amalfa.calls import Prompt


@dataclass(frozen=True, slots=True)
class Expected:
    """At most so many tokens. `may_be_cut`: one that ends there is a good one. `has_tools`: it may call tools."""

    max_tokens: int
    may_be_cut: bool = False
    has_tools: bool = False


def expected_of(prompt: Prompt, *, fewest_tokens: int = 1) -> Expected:
    """`fewest_tokens` is the smallest limit that the API is given."""
    return Expected(max(prompt.max_tokens, fewest_tokens), prompt.may_be_cut, prompt.tools is not None)
