"""The model names of the open doors, and the tasks over the notes behind some of them."""

import json

import pytest

from amalfa.calls import PrivacyClass
from amalfa.errors import NotFound, UsageProblem
from amalfa.messages import Message
from amalfa.server.door_models import (
    ModelNotFound,
    ModelWanted,
    TaskWanted,
    Wanted,
    house_names,
    run_task_for_messages,
    wanted_model,
)
from amalfa.tasks.catalog import CATALOG
from amalfa.tasks.desk import Terms
from tests.fakes import Listener
from tests.tasks.office import Office

TERMS = Terms("req_1")
QUESTION = "Which port does Ollama use?"
SECRET = "Where is the secret door?"


def user(text: str) -> Message:
    return Message("user", text)


async def told(office: Office, task: str, *messages: Message, **more: object) -> tuple[str, str]:
    """What the task says in the end, and what was heard on the way."""
    listener = Listener()
    outcome = await run_task_for_messages(task, messages, office.desk, TERMS, listener, **more)  # type: ignore[arg-type]  # only ever a schema
    return outcome.output.text, listener.text


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("amalfa", ModelWanted(None)),
        ("amalfa:latest", ModelWanted(None)),
        ("auto", ModelWanted(None)),
        ("amalfa/chat", TaskWanted("chat")),
        ("amalfa/extract:latest", TaskWanted("extract")),
        (" qwen2.5:1.5b ", ModelWanted("qwen2.5:1.5b")),
        ("llama3:latest", ModelWanted("llama3:latest")),
        ("openrouter:qwen/qwen-2.5-72b-instruct", ModelWanted("openrouter:qwen/qwen-2.5-72b-instruct")),
        ("local:llama3-8b", ModelWanted("local:llama3-8b")),
        ("mine", ModelWanted("pipeline:mine")),
        ("pipeline:mine", ModelWanted("pipeline:mine")),
        ("amalfati", ModelWanted("amalfati")),
    ],
)
def test_a_name_stands_for_the_policy_a_task_a_pipeline_or_a_model(name: str, wanted: Wanted) -> None:
    assert wanted_model(name, ("mine",)) == wanted


@pytest.mark.parametrize("name", ["amalfa/nope", "amalfa/", "pipeline:other"])
def test_a_name_of_this_house_that_names_nothing_is_not_found_and_the_others_are_told(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        wanted_model(name, ("mine",))
    assert caught.value.http_status == 404
    assert "amalfa/chat" in caught.value.hint
    assert "pipeline:mine" in caught.value.hint


def test_every_name_of_the_house_is_understood() -> None:
    assert len(house_names(("mine",))) == len(CATALOG) + 2
    for name in house_names(("mine",)):
        wanted_model(name, ("mine",))


@pytest.mark.parametrize("task", ["synthesize", "chat"])
async def test_an_answer_is_followed_by_its_sources_as_a_whole_and_in_pieces(task: str) -> None:
    office = Office()
    office.will_say("The port ", "is 11434 [1].")
    text, heard = await told(office, task, user(QUESTION))
    assert text == "The port is 11434 [1].\n\nSources:\n[1] ports.md:2-2  Ports\n"
    assert heard == text


async def test_sources_have_the_numbers_of_what_was_heard_even_if_they_were_counted_anew() -> None:
    office = Office()
    office.will_say("Bananas ripen in paper bags [1]. The secret door is behind the shelf [2].")
    text, heard = await told(office, "synthesize", user("Which port has the secret door?"))
    assert text.endswith("behind the shelf [1].\n\nSources:\n[1] diary.md:2-2  Diary\n")
    assert heard.endswith("behind the shelf [2].\n\nSources:\n[2] diary.md:2-2  Diary\n")


@pytest.mark.parametrize("task", ["synthesize", "research"])
async def test_a_refusal_is_said_in_words_with_the_nearest_notes(task: str) -> None:
    office = Office()
    office.will_say(json.dumps({"queries": ["regatta"]}))
    text, heard = await told(office, task, user("Who won the regatta?"))
    assert text.startswith("The notes do not say: ")
    assert "Ports (ports.md)" in text
    assert heard == text


async def test_chat_gets_what_was_said_before_and_keeps_nothing_of_it() -> None:
    office = Office()
    office.will_say("The port is 11434 [1].")
    past = (Message("system", "Be nice."), user("Hello"), Message("assistant", "Hi"), Message("assistant", " "))
    await told(office, "chat", *past, user(QUESTION))
    (prompt,) = office.prompts
    assert [one.content for one in prompt[1:3]] == ["Hello", "Hi"]
    assert office.conversations.said == {}


async def test_a_long_past_is_shortened_to_its_newest_part() -> None:
    office = Office()
    office.will_say("The port is 11434 [1].")
    past = tuple(user(f"{number} {'x' * 9_000}") for number in range(80))
    await told(office, "chat", *past, user(QUESTION))
    assert office.prompts[0][-2].content.startswith("79 ")


async def test_json_is_given_as_json() -> None:
    office = Office()
    reply = {"intent": "reference", "entities": [], "keywords": ["port"], "technical_level": "low"}
    rest = {"filters": {"tags": [], "paths": [], "since": None, "until": None}, "suggested_queries": []}
    office.will_say(json.dumps({**reply, **rest}))
    text, heard = await told(office, "analyze", user(QUESTION))
    assert json.loads(text)["keywords"] == ["port"]
    assert heard == text


async def test_a_snippet_comes_from_the_note_that_is_found() -> None:
    office = Office()
    office.will_say(json.dumps({"snippet": "The port is 11434.", "context": "it says so", "confidence": 1}))
    text, _ = await told(office, "snippet", user(QUESTION))
    assert json.loads(text)["start_line"] == 2


async def test_found_passages_are_reranked_under_the_privacy_of_their_notes() -> None:
    office = Office()
    office.will_say(json.dumps({"results": [{"id": "diary.md:1-2", "relevance": 1, "reason": "it says so"}]}))
    text, _ = await told(office, "rerank", user(SECRET))
    assert json.loads(text)["results"][0]["id"] == "diary.md:1-2"
    assert office.privacies == [PrivacyClass.LOCAL_ONLY]


@pytest.mark.parametrize("task", ["snippet", "rerank"])
async def test_where_nothing_is_found_nothing_is_asked(task: str) -> None:
    office = Office()
    with pytest.raises(NotFound, match="hold nothing"):
        await told(office, task, user("Who won the regatta?"))
    assert office.prompts == []


async def test_a_message_that_is_the_input_of_the_task_is_taken_as_that() -> None:
    office = Office()
    office.will_say(json.dumps({"results": [{"id": "a", "relevance": 1, "reason": "it says so"}]}))
    given = {"query": "port", "results": [{"id": "a", "content": "the port"}]}
    text, _ = await told(office, "rerank", user(json.dumps(given)))
    assert json.loads(text)["results"][0]["id"] == "a"


async def test_an_input_with_a_wrong_field_is_refused_by_its_name() -> None:
    with pytest.raises(UsageProblem, match="qeury"):
        await told(Office(), "analyze", user('{"qeury": "port"}'))


async def test_extract_gives_the_bare_value_for_the_schema_of_the_caller() -> None:
    office = Office()
    office.will_say('{"n": 11434}')
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    text, _ = await told(office, "extract", user("The port is 11434."), schema=schema)
    assert json.loads(text) == {"n": 11434}


async def test_extract_without_a_schema_says_how_to_send_one() -> None:
    with pytest.raises(UsageProblem, match="needs a JSON Schema"):
        await told(Office(), "extract", user("The port is 11434."))


@pytest.mark.parametrize("messages", [(), (Message("assistant", "hi"),), (user("  "),)])
async def test_messages_without_a_question_are_refused(messages: tuple[Message, ...]) -> None:
    with pytest.raises(UsageProblem, match="needs a message of the user"):
        await told(Office(), "synthesize", *messages)
