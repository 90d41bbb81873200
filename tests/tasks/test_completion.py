"""Completions of other programs' messages: what is asked of the model, and what becomes of its reply."""

import json

import pytest

from amalfa.calls import Wish
from amalfa.errors import BrokenOff, NoProvider
from amalfa.execution.steps import unheard
from amalfa.messages import Message, Tools
from amalfa.tasks.completion import Completion, complete, text_of
from amalfa.tasks.desk import Terms
from tests.fakes import Listener
from tests.tasks.office import Office

TERMS = Terms("req_1")
HELLO = (Message("user", "Hello"),)
NAMED = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
}


@pytest.fixture
def office() -> Office:
    return Office()


async def test_the_messages_go_as_they_are_and_may_be_cut(office: Office) -> None:
    office.will_say("Hi.")
    answer = await complete(
        Completion(HELLO, max_tokens=7, temperature=0.5), office.desk, TERMS, unheard, is_live=False
    )
    (asked,) = office.provider.asked
    prompt = asked.prompt
    assert (prompt.messages, prompt.max_tokens, prompt.temperature, prompt.may_be_cut) == (HELLO, 7, 0.5, True)
    assert text_of(answer) == "Hi."
    assert not office.notes.searched


async def test_a_mended_reply_is_sent_as_its_value(office: Office) -> None:
    office.will_say('Sure: {"name": "Ada",}')
    answer = await complete(Completion(HELLO, schema=NAMED), office.desk, TERMS, unheard, is_live=False)
    assert json.loads(text_of(answer)) == {"name": "Ada"}


async def test_valid_json_is_sent_as_it_was_written(office: Office) -> None:
    office.will_say('{ "name":  "Ada" }')
    answer = await complete(Completion(HELLO, schema=NAMED), office.desk, TERMS, unheard, is_live=False)
    assert text_of(answer) == '{ "name":  "Ada" }'


@pytest.mark.parametrize("said", ['{"parent": null, "name": "Ada"}', '{"value": {"parent": null, "name": "Ada"}}'])
async def test_a_tree_comes_back_without_the_object_it_may_have_been_put_under(office: Office, said: str) -> None:
    office.will_say(said)
    answer = await complete(Completion(HELLO, schema=TREE), office.desk, TERMS, unheard, is_live=False)
    assert json.loads(text_of(answer)) == {"name": "Ada", "parent": None}


@pytest.mark.parametrize("said", ['{"name": "Ada",}', '{"name": 5}', '{"name": NaN}', "Ada", "[" * 100_000])
async def test_what_was_heard_cannot_be_mended(office: Office, said: str) -> None:
    office.will_say(said)
    heard = Listener()
    with pytest.raises(BrokenOff):
        await complete(Completion(HELLO, schema=NAMED), office.desk, TERMS, heard, is_live=True)
    assert heard.text == said


async def test_sound_json_is_heard_whole(office: Office) -> None:
    office.will_say('{"name":', ' "Ada"}')
    heard = Listener()
    answer = await complete(Completion(HELLO, schema=NAMED), office.desk, TERMS, heard, is_live=True)
    assert heard.text == text_of(answer) == '{"name": "Ada"}'


@pytest.mark.parametrize(
    "wanted",
    [
        Completion(HELLO, schema=NAMED),
        Completion(HELLO, tools=Tools(({"type": "function"},))),
        Completion((Message("system", "Be short."),)),
        Completion((Message("user", "zzz qqq"),)),
    ],
)
async def test_the_engine_that_quotes_is_no_model(office: Office, wanted: Completion) -> None:
    """Asked for by name, it answers from the notes or not at all."""
    terms = Terms("req_1", Wish(model="embedded:extractive"))
    office.will_say("NOT_IN_NOTES nothing of it")
    with pytest.raises(NoProvider):
        await complete(wanted, office.desk, terms, unheard, is_live=False)


async def test_the_notes_go_nowhere_for_a_caller_who_wants_the_cloud(office: Office) -> None:
    terms = Terms("req_1", Wish(model="embedded:extractive", prefer="cloud"))
    with pytest.raises(NoProvider):
        await complete(Completion((Message("user", "Which port?"),)), office.desk, terms, unheard, is_live=False)
    assert not office.notes.searched
