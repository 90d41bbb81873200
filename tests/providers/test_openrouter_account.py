"""What the account routes say, in every shape they have been seen in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.providers.openrouter_account import KeyLimits, read_cost_usd, read_key_limits


def body(**data: object) -> bytes:
    return json.dumps({"data": data}).encode()


@pytest.mark.parametrize(
    ("given_body", "limits"),
    [
        (
            body(limit_remaining=7.5, free_model_daily_requests={"used": 12, "limit": 50, "remaining": 38}),
            KeyLimits(50, 12, 7.5),
        ),
        (body(label="sk", usage=2.5, limit=None, limit_remaining=None, is_free_tier=False), KeyLimits()),
        (body(limit_remaining=-0.2), KeyLimits(remaining_usd=0.0)),
        (body(limit_remaining="x", free_model_daily_requests=None), KeyLimits()),
        (b"{}", None),
        (b"<html>", None),
    ],
)
def test_the_limits_of_a_key_are_read_as_far_as_they_are_told(given_body: bytes, limits: KeyLimits | None) -> None:
    assert read_key_limits(given_body) == limits


@pytest.mark.parametrize(
    ("given_body", "cost_usd"),
    [
        (body(total_cost=0.25, usage=0.2), 0.25),
        (body(usage=0.2), 0.2),
        (body(total_cost=0), 0.0),
        (body(total_cost=None), None),
        (b"", None),
    ],
)
def test_the_cost_of_a_call_is_the_total_or_the_usage(given_body: bytes, cost_usd: float | None) -> None:
    assert read_cost_usd(given_body) == cost_usd


@given(st.binary(max_size=80))
def test_no_answer_can_break_the_reader(given_body: bytes) -> None:
    read_key_limits(given_body)
    read_cost_usd(given_body)
