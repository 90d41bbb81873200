import json
from contextlib import aclosing
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import pytest

from amalfa.calls import Material, Tier, Usage
from amalfa.errors import ModelRefused
from amalfa.providers.embedded.extractive import ExtractiveProvider
from amalfa.providers.provider import Event, Finished, Provider, Request, TextDelta
from amalfa.tasks.analyze import Analyze
from amalfa.tasks.metadata import Metadata
from amalfa.tasks.rerank import RerankReply
from amalfa.tasks.snippet import SnippetReply
from tests.providers.embedded.manual import ANY_OBJECT, MANUAL, passages_of, request


class Noon:
    """The clock of 20 November 2026."""

    def monotonic_s(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 12, tzinfo=UTC)


async def events_of(asked: Request) -> list[Event]:
    provider: Provider = ExtractiveProvider(Noon())
    async with aclosing(provider.stream(asked)) as stream:
        return [event async for event in stream]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def manual_question(question: str) -> Material:
    return Material(question=question, passages=passages_of(MANUAL))


async def test_the_answer_streams_piece_by_piece_and_ends_once() -> None:
    events = await events_of(request("synthesize", manual_question("Where are the logs written?")))
    assert len([event for event in events if isinstance(event, TextDelta)]) >= 2
    assert events[-1] == Finished(usage=Usage(cost_usd=0.0), model="extractive")


async def test_the_same_question_gets_the_same_reply() -> None:
    asked = request("synthesize", manual_question("How do I switch sonar to the cloud?"))
    assert await events_of(asked) == await events_of(asked)


@pytest.mark.parametrize("task", ["synthesize", "research", "chat"])
async def test_all_heavy_tasks_answer_in_markdown_with_numbers(task: str) -> None:
    assert "[3]" in text_of(await events_of(request(task, manual_question("Where does sonar keep its socket?"))))


async def test_light_tasks_reply_with_objects_that_their_tasks_accept() -> None:
    document = Material(question="exit code 5", documents=(("a.md", MANUAL),))
    Analyze.made.model_validate_json(text_of(await events_of(request("analyze", document, schema=ANY_OBJECT))))
    Metadata.made.model_validate_json(text_of(await events_of(request("metadata", document, schema=ANY_OBJECT))))
    SnippetReply.model_validate_json(text_of(await events_of(request("snippet", document, schema=ANY_OBJECT))))
    RerankReply.model_validate_json(text_of(await events_of(request("rerank", document, schema=ANY_OBJECT))))


async def test_research_with_a_schema_is_a_step() -> None:
    asked = request("research", manual_question("Where are the logs written?"), schema=ANY_OBJECT)
    assert json.loads(text_of(await events_of(asked))) == {"queries": [], "enough": True}


async def test_last_week_is_counted_from_the_clock() -> None:
    asked = request("analyze", Material(question="what changed last week"), schema=ANY_OBJECT)
    assert json.loads(text_of(await events_of(asked)))["filters"]["since"] == "2026-11-09"


@pytest.mark.parametrize("task", ["extract", "synthesize", "chat"])
async def test_a_free_schema_takes_a_model_and_is_refused(task: str) -> None:
    with pytest.raises(ModelRefused):
        await events_of(request(task, manual_question("x"), schema=ANY_OBJECT))


@pytest.mark.parametrize("task", ["metadata", "snippet"])
async def test_nothing_is_made_of_an_empty_text(task: str) -> None:
    with pytest.raises(ModelRefused):
        await events_of(request(task, Material(question="x", documents=(("a.md", " \n"),)), schema=ANY_OBJECT))


async def test_it_is_always_there_and_never_sends_anything() -> None:
    provider = ExtractiveProvider(Noon())
    presence = await provider.look()
    assert presence.state == "up"
    assert [(host.url, host.state, host.installed) for host in presence.hosts] == [
        ("", "up", frozenset({"extractive"}))
    ]
    assert (provider.name, provider.type, provider.tier, provider.is_verified_local) == (
        "embedded",
        "embedded",
        Tier.EMBEDDED,
        True,
    )
    await provider.aclose()


async def test_a_long_note_is_worked_on_while_the_loop_serves_others() -> None:
    text = "# Long\n\n" + "Sonar keeps many notes about Kestrel and its budget. " * 400
    order: list[str] = []

    async def describe() -> None:
        await events_of(request("metadata", Material(documents=(("a.md", text),)), schema=ANY_OBJECT))
        order.append("described")

    async with anyio.create_task_group() as group:
        group.start_soon(describe)
        await anyio.lowlevel.checkpoint()
        order.append("served")
    assert order == ["served", "described"]
