"""Facts of several sources, and which providers tell some of their own."""

from amalfa.calls import FREE, Price
from amalfa.clock import SystemClock
from amalfa.providers.anthropic import AnthropicProvider
from amalfa.providers.model_facts import Facts, Listing
from amalfa.providers.openrouter import OpenRouterProvider
from tests.providers.asking import anthropic_at, openrouter_at


def test_facts_are_filled_up_one_by_one_and_no_counts_as_known() -> None:
    ours, theirs = Facts(FREE, None, 100, False), Facts(Price(1, 2), 0.5, 200, True)
    assert ours.over(theirs) == Facts(FREE, 0.5, 100, False)
    assert Facts().over(theirs) == theirs


def test_openrouter_tells_of_its_models_and_anthropic_does_not() -> None:
    assert isinstance(OpenRouterProvider(openrouter_at("http://127.0.0.1:1/api/v1"), clock=SystemClock()), Listing)
    assert not isinstance(AnthropicProvider(anthropic_at("http://127.0.0.1:1"), clock=SystemClock()), Listing)
