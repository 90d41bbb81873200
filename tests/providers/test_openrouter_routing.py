"""What OpenRouter is told about choosing an endpoint: the user's word, tightened by the call and never loosened."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import Price, PrivacyClass, Steering
from amalfa.config.openrouter_settings import OpenRouterRouting
from amalfa.providers.openrouter_routing import fallback_models, preferences
from tests.providers.asking import QWEN_72B, request


def told(
    routing: object, steering: Steering | None = None, privacy: PrivacyClass = PrivacyClass.CLOUD_OK
) -> dict[str, object]:
    asked = replace(request(QWEN_72B, privacy=privacy), steering=steering or Steering())
    return dict(preferences(asked, OpenRouterRouting.model_validate(routing), needs_parameters=False))


def test_nothing_to_say_is_nothing_said() -> None:
    assert told({}) == {}


def test_every_field_has_openrouters_own_name_and_form() -> None:
    written = {
        "order": ["deepinfra/turbo"],
        "only": ["azure"],
        "ignore": ["novita"],
        "allowFallbacks": True,
        "quantizations": ["fp8", "bf16"],
        "sort": {"by": "throughput", "partition": "none"},
        "preferredMinThroughput": {"p90": 50},
        "preferredMaxLatency": 3,
        "maxPrice": {"prompt": 0.5, "completion": 1.5, "request": 0, "image": 0},
        "dataCollection": "deny",
        "zdr": True,
        "requireParameters": True,
    }
    assert told(written) == {
        "order": ("deepinfra/turbo",),
        "only": ("azure",),
        "ignore": ("novita",),
        "allow_fallbacks": True,
        "quantizations": ("fp8", "bf16"),
        "sort": {"by": "throughput", "partition": "none"},
        "preferred_min_throughput": {"p90": 50.0},
        "preferred_max_latency": {"p50": 3.0},
        "max_price": {"prompt": 0.5, "completion": 1.5, "request": 0.0, "image": 0.0},
        "data_collection": "deny",
        "zdr": True,
        "require_parameters": True,
    }


@pytest.mark.parametrize("routing", [{"sort": "latency"}, {"order": ["azure"]}])
def test_an_order_of_the_users_own_counts_more_than_what_a_strategy_favours(routing: object) -> None:
    assert told({}, Steering("price")) == {"sort": "price"}
    assert told(routing, Steering("price")).get("sort") != "price"


@pytest.mark.parametrize(
    ("written", "demanded", "sent"),
    [
        (None, None, None),
        (None, False, False),
        (None, True, None),
        (True, False, False),
        (False, True, False),
        (True, None, True),
    ],
)
def test_fallbacks_are_off_as_soon_as_anybody_says_so(
    written: bool | None, demanded: bool | None, sent: bool | None
) -> None:
    routing = {} if written is None else {"allowFallbacks": written}
    assert told(routing, Steering(allow_fallbacks=demanded)).get("allow_fallbacks") == sent


@pytest.mark.parametrize("privacy", [PrivacyClass.CLOUD_ZDR, PrivacyClass.LOCAL_ONLY])
def test_private_text_is_sent_under_the_strictest_rule_whatever_is_written(privacy: PrivacyClass) -> None:
    strict = {"zdr": True, "data_collection": "deny"}
    assert told({"zdr": False, "dataCollection": "allow"}, privacy=privacy) == strict
    assert told({"zdr": True, "dataCollection": "deny"}) == strict


USD = st.none() | st.floats(0, 100, allow_nan=False)


@given(USD, USD, st.none() | st.builds(Price, st.floats(0, 100), st.floats(0, 100)))
def test_the_lower_price_limit_counts(prompt: float | None, completion: float | None, ceiling: Price | None) -> None:
    limits = {key: value for key, value in (("prompt", prompt), ("completion", completion)) if value is not None}
    sent = told({"maxPrice": limits}, Steering(max_price=ceiling)).get("max_price", {})
    assert isinstance(sent, dict)
    ceilings = {"prompt": ceiling.input_usd, "completion": ceiling.output_usd} if ceiling else {}
    for key in ("prompt", "completion"):
        wanted = [side[key] for side in (limits, ceilings) if key in side]
        assert sent.get(key) == (min(wanted) if wanted else None)


def test_other_models_are_named_as_openrouter_names_them_and_only_where_falling_back_is_allowed() -> None:
    routing = OpenRouterRouting.model_validate({"models": ["openrouter:auto", "a/b", QWEN_72B]})
    asked = request(QWEN_72B)
    assert fallback_models(asked, routing) == ("openrouter/auto", "a/b")
    assert fallback_models(replace(asked, steering=Steering(allow_fallbacks=False)), routing) == ()
