"""What the names of models stand for, and the list of them."""

import json
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.server.openai.house import EMBEDDER, MODEL, house

QUESTION = "With what is the kettle descaled?"


def asking(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("task", ["synthesize", "chat", "research"])
def test_a_task_answers_over_the_notes_and_names_its_sources(client: OpenAI, task: str) -> None:
    reply = client.chat.completions.create(model=f"amalfa/{task}", messages=asking(QUESTION))
    text = reply.choices[0].message.content or ""
    assert "vinegar" in text
    assert "Sources:\n[1] guide.md:" in text


def test_a_task_over_the_notes_is_streamed(client: OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="amalfa/chat", messages=asking(QUESTION), stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert len([chunk for chunk in chunks if chunk.choices[0].delta.content]) > 2
    assert "vinegar" in text
    assert "guide.md:" in text


def test_the_history_goes_with_the_question(client: OpenAI, ollama: Any) -> None:
    past: list[Any] = [{"role": "user", "content": "I own a kettle."}, {"role": "assistant", "content": "Good."}]
    client.chat.completions.create(model="amalfa/chat", messages=[*past, *asking(QUESTION)])
    said = [one["content"] for one in json.loads(ollama.requests_to("/api/chat")[-1].body)["messages"]]
    assert said[1:3] == ["I own a kettle.", "Good."]


def test_a_task_with_json_gives_its_output_as_json(client: OpenAI, ollama: Any) -> None:
    reply = client.chat.completions.create(model="amalfa/analyze", messages=asking("how do I descale the kettle"))
    assert json.loads(reply.choices[0].message.content or "").keys() >= {"intent", "keywords"}


def test_an_unknown_task_is_not_found_and_the_known_ones_are_told(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="amalfa/dance", messages=asking("?"))
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "amalfa/synthesize" in caught.value.message


@pytest.mark.parametrize("name", ["pipeline:nobody", " ", "a\nb"])
def test_a_name_that_can_name_nothing_is_not_found(client: OpenAI, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model=name, messages=asking("?"))
    assert caught.value.code == "model_not_found"


def test_a_name_that_this_house_does_not_have_is_served_by_another_model(client: OpenAI, ollama: Any) -> None:
    """Programs have names of other houses built in; what stood in is told, as with `-m`."""
    ollama.script(MODEL, {"text": "hello"})
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=asking("?"))
    assert raw.parse().choices[0].message.content == "hello"
    assert raw.headers["x-amalfa-model"] == f"ollama:{MODEL}"
    assert "gpt-4o" in raw.headers["x-amalfa-reason"]


@pytest.mark.parametrize(
    ("param", "options"),
    [
        ("tools", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
        ("response_format", {"response_format": {"type": "json_object"}}),
    ],
)
def test_what_a_task_cannot_do_is_refused(client: OpenAI, param: str, options: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="amalfa/chat", messages=asking("?"), **options)
    assert caught.value.param == param


def test_every_name_is_listed_and_can_be_looked_up(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[0] == "amalfa"
    assert {"amalfa/synthesize", "amalfa/analyze", f"ollama:{MODEL}", f"ollama:{EMBEDDER}", "embedded:extractive"} <= {
        *names
    }
    for name in ("amalfa", "amalfa/chat", f"ollama:{MODEL}", MODEL, "nomic-embed-text"):
        assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody-has-this")
    assert caught.value.code == "model_not_found"


def test_pipelines_are_listed() -> None:
    pipeline = {
        "architecture": [
            {"name": "only", "layer": 0, "model": f"ollama:{MODEL}", "output-to": ["output"]},
            {"name": "output", "adapter": "output"},
        ]
    }
    with house({"sonar": {"pipelines": {"careful": pipeline}}}) as sonar, sonar.client() as client:
        assert "pipeline:careful" in [model.id for model in client.models.list()]
        assert client.models.retrieve("careful").id == "careful"
