"""The traps of OpenRouter's list of models, one by one, and that nothing in a list can break the reader."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import FREE, Price
from amalfa.providers.model_facts import Facts, Listed
from amalfa.providers.openrouter_catalogue import facts_as_asked, is_choosable, listed_name, read_page
from tests.upstreams.openrouter_catalogue import DEFAULT_MODELS, listed_model

BASE = "https://openrouter.ai/api/v1"
PRICES = {"prompt": "0.0000004", "completion": "0.0000016"}


def entry(name: str = "acme/model-1", **changes: Any) -> dict[str, Any]:
    return {"id": name, "pricing": PRICES, **changes}


def read(*models: object, **more: object) -> dict[str, Listed]:
    page = read_page(json.dumps({"data": models, **more}).encode(), BASE)
    assert page is not None
    return dict(page.models)


def facts(**changes: Any) -> Facts:
    name = changes.pop("name", "acme/model-1")
    return read(entry(name, **changes))[name].facts


def test_a_price_per_token_becomes_one_per_million_to_the_digit() -> None:
    assert facts().price == Price(0.4, 1.6)


@pytest.mark.parametrize(
    "pricing",
    [
        pytest.param({"prompt": "-1", "completion": "-1"}, id="varies"),
        pytest.param({"prompt": "0.000001", "completion": "-1"}, id="varies in part"),
        pytest.param({"prompt": "0", "completion": "0"}, id="costs nothing and is not called free"),
        pytest.param({"prompt": "0.000001"}, id="half of it is missing"),
        pytest.param({}, id="missing"),
        pytest.param(None, id="null"),
        pytest.param({"prompt": "cheap", "completion": "NaN"}, id="no numbers"),
        pytest.param({"prompt": "1e400", "completion": "Infinity"}, id="no price on earth"),
        pytest.param({**PRICES, "request": "0.005"}, id="charged by the request as well"),
        pytest.param({**PRICES, "overrides": [{"min_prompt_tokens": 9, "prompt": "?"}]}, id="unreadable for long ones"),
    ],
)
def test_what_is_not_known_for_certain_is_unknown(pricing: object) -> None:
    assert facts(pricing=pricing).price is None


def test_the_dearest_price_for_long_prompts_is_the_price() -> None:
    overrides = [{"min_prompt_tokens": 200_000, "prompt": "0.0000008"}, {"completion": "0.0000024"}, "?"]
    assert facts(pricing={**PRICES, "request": "0", "overrides": overrides}).price == Price(0.8, 2.4)


def test_free_is_what_is_called_free() -> None:
    assert facts(name="acme/model-1:free", pricing={"prompt": "0", "completion": "0"}).price == FREE


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({"context_length": 200_000, "top_provider": {"context_length": 128_000}}, 128_000),
        ({"context_length": 8192, "top_provider": {"context_length": None}}, 8192),
        ({"context_length": None, "top_provider": {"context_length": 4096}}, 4096),
        ({"context_length": None}, None),
        ({"context_length": 0}, None),
        ({"context_length": "8192"}, None),
    ],
)
def test_the_window_is_the_smaller_one_that_is_told(changes: dict[str, object], tokens: int | None) -> None:
    assert facts(**changes).context_tokens == tokens


@pytest.mark.parametrize(
    ("parameters", "has_json", "has_json_object"),
    [
        (["structured_outputs", "seed"], True, False),
        (["response_format"], False, True),
        ([], False, False),
        (None, None, None),
        ("x", None, None),
    ],
)
def test_only_structured_outputs_hold_a_model_to_a_schema(
    parameters: object, has_json: bool | None, has_json_object: bool | None
) -> None:
    found = facts(supported_parameters=parameters)
    assert (found.has_json, found.has_json_object) == (has_json, has_json_object)


@pytest.mark.parametrize(("parameters", "has_tools"), [(["tools"], True), (["tool_choice"], False), (None, None)])
def test_the_list_tells_who_takes_tools(parameters: object, has_tools: bool | None) -> None:
    assert facts(supported_parameters=parameters).has_tools is has_tools


@pytest.mark.parametrize(
    ("written", "expires"),
    [
        ("2026-12-31", date(2026, 12, 31)),
        ("2026-12-31T10:00:00Z", date(2026, 12, 31)),
        (None, None),
        ("soon", None),
    ],
)
def test_a_planned_end_is_kept(written: object, expires: date | None) -> None:
    assert read(entry(expiration_date=written))["acme/model-1"].expires == expires


def test_entries_that_are_no_models_to_ask_are_left_out() -> None:
    image = {"output_modalities": ["image"]}
    odd = [
        entry("a/b:batch"),
        entry("a/painter", architecture=image),
        entry(""),
        entry("a/\x1b[2J"),
        {"id": 7},
        "x",
        None,
    ]
    assert read(*odd, entry()).keys() == {"acme/model-1"}


@pytest.mark.parametrize(
    ("name", "can_be_chosen"),
    [
        ("acme/model-1", True),
        ("acme/model-1:free", True),
        ("acme/model-1:batch", False),
        ("~acme/model-latest", False),
        ("openrouter/auto", False),
    ],
)
def test_routers_aliases_and_batch_prices_are_never_chosen(name: str, can_be_chosen: bool) -> None:
    assert is_choosable(name) is can_be_chosen


def test_what_only_says_how_to_choose_an_endpoint_is_no_part_of_the_name() -> None:
    assert listed_name("a/b:nitro") == listed_name("a/b:online:floor") == "a/b"
    assert listed_name("a/b:free:online") == "a/b:free"
    known = Facts(Price(1, 2), 0.5, 100, True, False)
    assert facts_as_asked("a/b:free", known) == Facts(FREE, 0.5, 100, True, False)
    assert facts_as_asked("a/b:online", known).price is None
    assert facts_as_asked("a/b:nitro", known) == known


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("/api/v1/models?limit=9&offset=9", "/models?limit=9&offset=9"),
        ("https://openrouter.ai/api/v1/models?offset=9", "/models?offset=9"),
        ("https://evil.example/api/v1/models", ""),
        ("http://openrouter.ai/api/v1/models", ""),
        ("/api/v10/models", ""),
        (None, ""),
    ],
)
def test_the_next_page_is_followed_on_the_api_itself_only(link: object, path: str) -> None:
    page = read_page(json.dumps({"data": [], "links": {"next": link}}).encode(), BASE)
    assert page is not None
    assert page.next_path == path


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data":{}}', b'{"error":{"code":500}}', b'{"data":[{"id"'])
def test_what_is_no_list_is_none(body: bytes) -> None:
    assert read_page(body, BASE) is None


def test_the_list_of_the_simulated_service_reads_well() -> None:
    found = read(*map(listed_model, DEFAULT_MODELS))
    assert found["qwen/qwen-2.5-72b-instruct"].facts == Facts(Price(0.12, 0.39), None, 32768, True, True, True)
    assert found["acme/zero-preview"].facts == Facts(None, None, None, False, False, False)
    assert found["openrouter/auto"].facts.price is None
    assert "openai/gpt-4o-mini:batch" not in found


KEYS = (
    *("id", "pricing", "prompt", "completion", "request", "overrides", "context_length", "top_provider"),
    *("supported_parameters", "expiration_date", "architecture", "output_modalities"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6), max_size=4), JSON)
def test_no_list_can_break_the_reader(models: list[object], links: object) -> None:
    page = read_page(json.dumps({"data": models, "links": links}).encode(), BASE)
    assert page is not None
    for listed in page.models.values():
        price = listed.facts.price
        assert price is None or (price.input_usd >= 0 and price.output_usd >= 0)
