"""The OpenAPI page: each door with the streams and the errors that its clients know."""

from typing import Any

import pytest

from amalfa.server.openapi import openapi_document


def resolved(page: Any, schema: Any) -> Any:
    """The schema itself, where the page refers to it by name."""
    return page["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/sonar/ask", "text/event-stream"),
        ("/v1/chat/completions", "text/event-stream"),
        ("/api/chat", "application/x-ndjson"),
        ("/api/generate", "application/x-ndjson"),
        ("/api/embed", None),
    ],
)
def test_a_stream_is_of_the_kind_that_is_sent(path: str, stream: str | None) -> None:
    page: Any = openapi_document()
    content = page["paths"][path]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", *([stream] if stream else [])}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/sonar/ask", {"code", "message", "hint"}),
        ("/v1/chat/completions", {"message", "type", "param", "code"}),
        ("/api/chat", set()),
    ],
)
def test_an_error_is_of_the_shape_that_is_sent(path: str, fields: set[str]) -> None:
    page: Any = openapi_document()
    told = page["paths"][path]["post"]["responses"]["default"]["content"]["application/json"]["schema"]
    error = resolved(page, resolved(page, told)["properties"]["error"])
    assert fields <= set(error.get("properties", {}))
    assert error["type"] == ("object" if fields else "string")
