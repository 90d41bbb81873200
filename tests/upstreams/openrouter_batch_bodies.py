"""Reads what is handed in to `/batches` the way OpenRouter does, and says what is wrong with it."""

import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from tests.upstreams.openrouter_bodies import compact
from tests.upstreams.openrouter_catalogue import CloudModel
from tests.upstreams.openrouter_errors import ApiError, ended, not_a_model

ENDPOINT = "/v1/chat/completions"
VARIANT = ":batch"

_KEYS = ("endpoint", "model", "provider", "completion_window", "requests")
_OPTIONAL = ("provider",)


def read_batch(raw: bytes) -> dict[str, Any]:
    """The body, its keys in the order demanded. Raises ApiError 400.

    The service reads the requests as they come in, so it has to know everything else before them.
    """
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "Invalid JSON body")
    _check_keys(body)
    if body["endpoint"] != ENDPOINT:
        raise ApiError(400, f"Unsupported endpoint {body['endpoint']!r}")
    if body["completion_window"] != "24h":
        raise ApiError(400, "completion_window must be '24h'")
    if (body.get("provider") or {}).get("zdr"):
        raise ApiError(400, "Zero data retention is not available for batches")
    return body


def _check_keys(body: Mapping[str, Any]) -> None:
    if unknown := [key for key in body if key not in _KEYS]:
        raise ApiError(400, f"Unrecognized key(s) in object: '{unknown[0]}'")
    if any(_KEYS.index(one) > _KEYS.index(other) for one, other in pairwise(body)):
        raise ApiError(400, f"Keys of a batch must come in this order: {', '.join(_KEYS)}")
    if missing := [key for key in _KEYS if key not in body and key not in _OPTIONAL]:
        raise ApiError(400, f"Required key missing: '{missing[0]}'")


def plain_name(models: Iterable[CloudModel], name: str) -> str:
    """The name under which the model is asked at once; in batches it can be had where its `:batch` twin is listed."""
    base, ids = name.removesuffix(VARIANT), {model.id for model in models}
    if base not in ids:
        raise not_a_model(name)
    if base + VARIANT not in ids:
        raise ended(name)
    return base


def requests_in(body: Mapping[str, Any], model: str) -> list[Mapping[str, Any]]:
    """The single requests, each with a `custom_id` of its own and a `body`."""
    given = body["requests"]
    if not isinstance(given, list) or not given:
        raise ApiError(400, "requests must be a list of at least one request")
    if not all(_is_request(one) for one in given):
        raise ApiError(400, "Each request needs a custom_id and a body")
    if len({one["custom_id"] for one in given}) < len(given):
        raise ApiError(400, "custom_id must be unique within a batch")
    formats = {compact(one["body"].get("response_format")) for one in given}
    if model.startswith("google/") and len(formats) > 1:
        raise ApiError(400, "All requests of a batch for this model must have the same response_format")
    return given


def _is_request(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("custom_id"), str) and isinstance(one.get("body"), dict)
