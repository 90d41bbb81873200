"""How big a call is taken to be before any model has counted."""

from dataclasses import replace

import pytest

from amalfa.calls import Material, Prompt
from amalfa.execution.size import size_of
from amalfa.messages import Message, ToolCall, Tools
from amalfa.routing.plan import Size


def prompt(*texts: str, schema: dict[str, object] | None = None, max_tokens: int = 500) -> Prompt:
    return Prompt(tuple(Message("user", text) for text in texts), Material(), max_tokens, 0.0, schema)


@pytest.mark.parametrize(
    ("texts", "likely", "most"),
    [((), 0, 0), (("",), 8, 8), (("x" * 3000,), 758, 1008), (("x" * 1200, "x" * 1200), 616, 816)],
)
def test_a_prompt_is_likely_a_quarter_of_its_text_and_at_most_a_third(
    texts: tuple[str, ...], likely: int, most: int
) -> None:
    assert size_of(prompt(*texts)) == Size(likely, most, 500)


def test_the_reply_is_taken_to_use_all_it_may() -> None:
    assert size_of(prompt("x", max_tokens=9)).most_out == 9


def test_digits_may_be_a_token_each() -> None:
    assert size_of(prompt("7" * 300)).most_in == 308


def test_a_schema_is_sent_along_and_counted() -> None:
    schema: dict[str, object] = {"type": "object", "description": "x" * 600}
    assert size_of(prompt("x", schema=schema)).most_in > size_of(prompt("x")).most_in + 200


def test_what_is_likely_is_never_more_than_what_is_possible() -> None:
    for text in ("", "héllo wörld" * 50, "日本語" * 100, "12345" * 80):
        size = size_of(prompt(text))
        assert size.likely_in <= size.most_in


def test_tools_and_what_they_were_called_with_are_sent_along_and_counted() -> None:
    plain = prompt("x")
    tools = Tools(({"type": "function", "function": {"name": "f", "description": "x" * 600}},))
    called = Message("assistant", "", (ToolCall("a", "f", "x" * 600),))
    for more in (replace(plain, tools=tools), replace(plain, messages=(*plain.messages, called))):
        assert size_of(more).most_in > size_of(plain).most_in + 200
        assert size_of(more).likely_in > size_of(plain).likely_in + 150
