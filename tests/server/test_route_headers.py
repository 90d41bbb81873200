"""The route of a call in reply headers."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import LeftMachine, ModelName, Route, Tier, Usage
from amalfa.execution.embedding_calls import Embedded
from amalfa.execution.steps import Chosen
from amalfa.server.route_headers import chosen_headers, embedding_headers, route_headers

ROUTE = Route("openrouter:a/b", "openrouter", Tier.CLOUD, "chat", "chain", "asked for by name", (), (), 3, "req_1")


def test_the_route_is_told() -> None:
    route = replace(ROUTE, left_machine=LeftMachine(("openrouter:a/b", "openai:c"), 12, ()))
    assert route_headers(route, Usage(cost_usd=0.00012)) == {
        "x-amalfa-model": "openrouter:a/b",
        "x-amalfa-provider": "openrouter",
        "x-amalfa-tier": "cloud",
        "x-amalfa-reason": "asked for by name",
        "x-amalfa-cost-usd": "0.00012",
        "x-amalfa-generation": "3",
        "x-amalfa-request-id": "req_1",
        "x-request-id": "req_1",
        "x-amalfa-left-machine": "openrouter:a/b, openai:c",
    }


def test_an_unknown_cost_is_no_cost_of_zero() -> None:
    assert "x-amalfa-cost-usd" not in route_headers(ROUTE, Usage())
    assert route_headers(ROUTE, Usage(cost_usd=0.0))["x-amalfa-cost-usd"] == "0"


def test_where_no_model_was_asked_none_is_named() -> None:
    headers = route_headers(replace(ROUTE, model="", provider="", tier=Tier.EMBEDDED), Usage())
    assert "x-amalfa-model" not in headers
    assert headers["x-amalfa-left-machine"] == "none"


@given(st.text())
def test_a_reason_is_one_line_of_ascii(reason: str) -> None:
    told = route_headers(replace(ROUTE, reason=reason), Usage())["x-amalfa-reason"]
    assert told.isascii()
    assert told == "" or told.isprintable()
    assert len(told) <= 300


def test_the_model_that_is_being_asked_is_told_before_the_end() -> None:
    chosen = Chosen(ModelName("ollama", "m"), Tier.LOCAL, "local by default")
    assert chosen_headers(chosen, "req_2")["x-amalfa-model"] == "ollama:m"
    assert chosen_headers(None, "req_2") == {"x-amalfa-request-id": "req_2", "x-request-id": "req_2"}


def test_vectors_tell_where_their_texts_went() -> None:
    stayed = Embedded(((1.0,),), ModelName("ollama", "e"), Tier.LOCAL, False, Usage(cost_usd=0.0), 1)
    assert embedding_headers(stayed, "req_3")["x-amalfa-left-machine"] == "none"
    assert embedding_headers(replace(stayed, has_left=True), "req_3")["x-amalfa-left-machine"] == "ollama:e"
