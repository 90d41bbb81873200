"""What may be written about OpenRouter's own choosing, short and long, and for whom it counts."""

import pytest
from pydantic import ValidationError

from amalfa.config.openrouter_settings import OpenRouterRouting
from tests.config.world import World


def test_the_short_forms_mean_the_long_ones() -> None:
    short = {"sort": "price", "preferredMaxLatency": 3, "preferredMinThroughput": 50.5}
    long = {
        "sort": {"by": "price"},
        "preferredMaxLatency": {"p50": 3},
        "preferredMinThroughput": {"p50": 50.5},
    }
    assert OpenRouterRouting.model_validate(short) == OpenRouterRouting.model_validate(long)


@pytest.mark.parametrize(
    "written",
    [
        {"models": ["a/b"] * 4},
        {"order": "azure"},
        {"quantizations": ["fp9"]},
        {"sort": "beauty"},
        {"sort": {"by": "price", "partition": "all"}},
        {"preferredMaxLatency": 0},
        {"preferredMaxLatency": True},
        {"maxPrice": {"prompt": -1}},
        {"dataCollection": "maybe"},
        {"zdr": "yes"},
        {"allow_fallbacks": True},
        {"enforceDistillableText": True},
    ],
)
def test_what_openrouter_would_refuse_is_refused_here(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OpenRouterRouting.model_validate(written)


def test_it_counts_for_openrouter_and_what_speaks_like_it_only(world: World) -> None:
    routing = {"routing": {"zdr": True}}
    proxy = {"type": "openrouter", "baseUrl": "http://127.0.0.1:9/api/v1", **routing}
    assert world.writes({"sonar": {"providers": {"openrouter": routing, "proxy": proxy}}}).problems() == []
    world.writes('{"sonar": {"providers": {"openai": {\n"routing": {"zdr": true}}}}}')
    assert world.problems() == [(2, "sonar.providers.openai.routing is for providers of type openrouter only")]


def test_a_key_of_openrouters_own_spelling_says_how_it_is_written_here(world: World) -> None:
    world.writes({"sonar": {"providers": {"openrouter": {"routing": {"allow_fallbacks": False}}}}})
    [(_, message)] = world.problems()
    assert 'did you mean "allowFallbacks"' in message
