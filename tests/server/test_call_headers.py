"""What callers of the open doors say in headers."""

import pytest
from starlette.requests import Request

from amalfa.calls import Handling, PrivacyClass, Wish
from amalfa.errors import UsageProblem
from amalfa.server.call_headers import terms_from


def asked_with(**headers: str) -> Request:
    raw = [(f"x-amalfa-{name.replace('_', '-')}".encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": [(b"authorization", b"Bearer x"), *raw]})


def test_without_headers_everything_is_as_configured() -> None:
    terms = terms_from(asked_with(), None)
    assert (terms.wish, terms.privacy, terms.timeout_s) == (Wish(), PrivacyClass.CLOUD_OK, None)
    assert terms.request_id.startswith("req_")
    assert terms.request_id != terms_from(asked_with(), None).request_id


def test_each_header_narrows_the_call() -> None:
    said = asked_with(team="web", privacy="local-only", prefer="local", max_cost_usd="0.01", hint="code")
    terms = terms_from(said, "ollama:m")
    assert terms.wish == Wish("ollama:m", "local", "web", "code", 0.01)
    assert terms.privacy is PrivacyClass.LOCAL_ONLY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("privacy", "none"),
        ("prefer", "fast"),
        ("max_cost_usd", "-1"),
        ("max_cost_usd", "nan"),
        ("max_cost_usd", "inf"),
        ("max_cost_usd", "much"),
        ("team", ""),
        ("team", "x" * 201),
        ("max_cost", "1"),
    ],
)
def test_a_header_that_is_wrong_or_misspelt_is_an_error_that_names_it(name: str, value: str) -> None:
    with pytest.raises(UsageProblem, match=f"x-amalfa-{name.replace('_', '-')}:"):
        terms_from(asked_with(**{name: value}), None)


@pytest.mark.parametrize(
    ("name", "value", "is_cacheable"),
    [
        ("x-amalfa-no-cache", "true", False),
        ("x-amalfa-no-cache", "false", True),
        ("cache-control", "no-cache", False),
        ("cache-control", "max-age=0, No-Store", False),
        ("cache-control", "max-age=0", True),
    ],
)
def test_a_caller_may_do_without_the_cache(name: str, value: str, is_cacheable: bool) -> None:
    request = Request({"type": "http", "headers": [(name.encode(), value.encode())]})
    assert terms_from(request, None).handling == Handling(is_cacheable=is_cacheable)
