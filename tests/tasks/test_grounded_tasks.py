"""Answers that stand on notes: ask, synthesize, research, chat."""

import json

import pytest

from amalfa.calls import PrivacyClass
from amalfa.errors import UsageProblem
from amalfa.execution.steps import Delta, Phase
from amalfa.tasks.ask import AskInput, ask, context_of
from amalfa.tasks.chat import Chat, ChatInput, Said
from amalfa.tasks.desk import Terms
from amalfa.tasks.research import Research, ResearchInput
from amalfa.tasks.synthesize import GivenPassage, Synthesize, SynthesizeInput, bring
from tests.fakes import Listener
from tests.tasks.office import Office

TERMS = Terms("req_1")
PORT_QUESTION = "Which port does Ollama use?"


async def test_a_question_is_answered_with_a_quote_that_stands_in_the_note() -> None:
    office, listener = Office(), Listener()
    office.will_say("The port is 11434 [1].")
    outcome = await ask(AskInput(question=PORT_QUESTION), office.desk, TERMS, listener)
    (citation,) = outcome.output.citations
    assert (citation.path, citation.start_line, citation.verified) == ("ports.md", 2, True)
    assert citation.quote in "The port is 11434."
    assert listener.text == "The port is 11434 [1]."


async def test_an_invented_citation_is_dropped_and_counted() -> None:
    office = Office()
    office.will_say("The port is 11434 [1]. Bananas ripen faster in paper bags [7].")
    output = (await ask(AskInput(question=PORT_QUESTION), office.desk, TERMS, Listener())).output
    assert len(output.citations) == 1
    assert output.dropped_citations == 1
    assert "[7]" not in output.answer


async def test_thin_evidence_refuses_before_any_model_is_asked() -> None:
    office = Office()
    outcome = await ask(AskInput(question="Who won the regatta?"), office.desk, TERMS, Listener())
    assert outcome.output.refused
    assert outcome.output.reason == "no note speaks of it (2 notes searched)"
    assert [near.path for near in outcome.output.nearest] == ["ports.md"]
    assert office.provider.asked == []
    assert office.ledger.opened == []


async def test_general_knowledge_is_used_only_when_allowed_and_is_marked() -> None:
    office = Office()
    office.will_say("Probably the Swiss.")
    given = AskInput(question="Who won the regatta?", allowGeneral=True)
    output = (await ask(given, office.desk, TERMS, Listener())).output
    assert (output.answer, output.is_general, output.citations) == ("Probably the Swiss.", True, [])


async def test_a_model_that_finds_no_answer_refuses_and_no_mark_is_heard() -> None:
    office, listener = Office(), Listener()
    office.will_say("NOT_", "IN_NOTES", ": the notes name no default port.")
    output = (await ask(AskInput(question=PORT_QUESTION), office.desk, TERMS, listener)).output
    assert output.refused
    assert output.reason == "the notes name no default port"
    assert listener.text == ""


async def test_a_short_answer_is_heard_although_it_is_shorter_than_the_mark() -> None:
    office, listener = Office(), Listener()
    office.will_say("NO")
    await ask(AskInput(question=PORT_QUESTION), office.desk, TERMS, listener)
    assert listener.text == "NO"


async def test_words_are_passed_on_as_they_come() -> None:
    office, listener = Office(), Listener()
    office.will_say("The ", "port ", "is 11434 [1].")
    await ask(AskInput(question=PORT_QUESTION), office.desk, TERMS, listener)
    assert [step.text for step in listener.heard if isinstance(step, Delta)] == ["The ", "port ", "is 11434 [1]."]


async def test_a_private_passage_makes_the_whole_call_local_only() -> None:
    office = Office()
    office.will_say("Behind the shelf [1].")
    await ask(AskInput(question="Where is the secret door?"), office.desk, TERMS, Listener())
    assert office.privacies == [PrivacyClass.LOCAL_ONLY]


async def test_a_private_answer_stays_private_when_the_conversation_goes_on() -> None:
    office = Office()
    office.will_say("Behind the shelf [1].")
    await ask(AskInput(question="Where is the secret door?"), office.desk, TERMS, Listener())
    office.will_say("The port is 11434 [1].")
    await ask(AskInput(question=PORT_QUESTION, session="last"), office.desk, TERMS, Listener())
    assert office.privacies[1] is PrivacyClass.LOCAL_ONLY
    assert "shelf" in office.prompts[1][2].content


async def test_continuing_needs_a_conversation() -> None:
    office = Office()
    with pytest.raises(UsageProblem, match="no conversation"):
        await ask(AskInput(question=PORT_QUESTION, session="last"), office.desk, TERMS, Listener())


async def test_a_follow_up_is_searched_with_the_question_before_it() -> None:
    office = Office()
    office.will_say("The port is 11434 [1].")
    await ask(AskInput(question=PORT_QUESTION), office.desk, TERMS, Listener())
    office.will_say("In the config [1].")
    output = (await ask(AskInput(question="And how?", session="last"), office.desk, TERMS, Listener())).output
    assert not output.refused
    assert office.notes.searched[-1][0] == f"{PORT_QUESTION} And how?"


async def test_piped_text_is_evidence_and_can_be_cited() -> None:
    office = Office()
    office.will_say("The build failed at link time [1].")
    given = AskInput(question="Why is it red?", context="The log begins.\nThe build failed at link time.\n")
    output = (await ask(given, office.desk, TERMS, Listener())).output
    assert (output.citations[0].path, output.citations[0].start_line) == ("stdin", 2)


async def test_context_only_asks_no_model() -> None:
    office = Office()
    context = await context_of(AskInput(question=PORT_QUESTION), office.desk, Listener())
    assert context.sufficient
    assert context.passages[0].path == "ports.md"
    assert office.provider.asked == []


async def test_synthesize_stands_on_the_passages_it_is_given() -> None:
    office = Office()
    office.will_say("Sonar keeps a lock for life [1].")
    given = SynthesizeInput(
        question="What does sonar keep?",
        passages=[GivenPassage(text="Intro.\nSonar keeps a lock for life.", path="x.md", start_line=10)],
    )
    output = (await Synthesize().run(given, office.desk, TERMS, Listener())).output
    assert office.notes.searched == []
    assert (output.citations[0].path, output.citations[0].start_line) == ("x.md", 11)


def test_brought_passages_without_a_path_get_one() -> None:
    brought = bring([GivenPassage(text="a\nb"), GivenPassage(text="c")], PrivacyClass.LOCAL_ONLY)
    assert [passage.place for passage in brought.passages] == ["passage-1:1-2", "passage-2:1-1"]
    assert brought.texts == {"passage-1": ["a", "b"], "passage-2": ["c"]}


def test_brought_passages_have_the_class_of_whoever_brings_them() -> None:
    brought = bring([GivenPassage(text="a")], PrivacyClass.LOCAL_ONLY)
    assert [passage.privacy for passage in brought.passages] == [PrivacyClass.LOCAL_ONLY]


async def test_research_searches_reads_and_tells_each_step() -> None:
    office, listener = Office(), Listener()
    office.will_say(json.dumps({"queries": ["secret shelf"], "read": ["ports.md", "/etc/passwd"], "enough": False}))
    office.will_say(json.dumps({"queries": [], "read": [], "enough": True}))
    office.will_say("The port is 11434 [1].")
    given = ResearchInput(question=PORT_QUESTION, maxSteps=4)
    output = (await Research().run(given, office.desk, TERMS, listener)).output
    assert output.steps[0].queries == ["secret shelf"]
    assert output.steps[0].read == ["ports.md"], "a path that was not shown is not read"
    assert output.steps[0].found == ["diary.md:1-2"]
    assert Phase("step 1: searching 'secret shelf'") in listener.heard
    assert office.privacies[-1] is PrivacyClass.LOCAL_ONLY, "the private note it found binds the answer"


async def test_research_stops_at_its_bound() -> None:
    office = Office()
    for _ in range(2):
        office.will_say(json.dumps({"queries": ["config"], "read": [], "enough": False}))
    office.will_say("The port is 11434 [1].")
    given = ResearchInput(question=PORT_QUESTION, maxSteps=1)
    output = (await Research().run(given, office.desk, TERMS, Listener())).output
    assert len(output.steps) == 1


async def test_research_counts_the_tokens_of_its_steps() -> None:
    office = Office()
    office.will_say(json.dumps({"queries": [], "read": [], "enough": True}))
    office.will_say("The port is 11434 [1].")
    outcome = await Research().run(ResearchInput(question=PORT_QUESTION), office.desk, TERMS, Listener())
    assert outcome.usage.tokens_in == 20


async def test_chat_sessions_never_mix() -> None:
    office = Office()
    for _ in range(2):
        office.will_say("The port is 11434 [1].")
    question = ChatInput(messages=[Said(role="user", content=PORT_QUESTION)])
    first = (await Chat().run(question, office.desk, TERMS, Listener())).output
    second = (await Chat().run(question, office.desk, TERMS, Listener())).output
    assert first.session != second.session
    assert len(office.prompts[1]) == 2, "the second session recalls nothing of the first"


async def test_chat_recalls_its_own_session() -> None:
    office = Office()
    office.will_say("The port is 11434 [1].")
    begun = ChatInput(messages=[Said(role="user", content=PORT_QUESTION)])
    session = (await Chat().run(begun, office.desk, TERMS, Listener())).output.session
    office.will_say("As I said.")
    more = ChatInput(messages=[Said(role="user", content="Which port again?")], session=session)
    await Chat().run(more, office.desk, TERMS, Listener())
    assert [message.role for message in office.prompts[1]] == ["system", "user", "assistant", "user"]
