from amalfa.calls import Material, Passage
from amalfa.providers.embedded.research import next_step
from tests.providers.embedded.manual import MANUAL, passages_of

PROJECT = Passage("heron.md", 1, 1, "Project Heron", "The lead of Project Heron is [[Ada Ost]].", title="Project Heron")
LEAD = Passage("ada.md", 1, 1, "Ada Ost", "Ada lives in Porto.", title="Ada Ost")
QUESTION = "In which city does the lead of Project Heron live?"


def test_passages_that_answer_are_enough() -> None:
    material = Material(question="Where are the logs written?", passages=passages_of(MANUAL))
    assert next_step(material) == {"queries": [], "enough": True}


def test_a_link_leads_to_the_next_query() -> None:
    step = next_step(Material(question="What is the extension of the lead of Project Heron?", passages=(PROJECT,)))
    assert step["enough"] is False
    assert step["queries"][0] == "Ada Ost extension"


def test_a_link_already_followed_is_not_followed_again() -> None:
    step = next_step(Material(question=QUESTION, passages=(PROJECT, LEAD)))
    assert not any("Ada Ost" in query for query in step["queries"])


def test_without_passages_the_words_of_the_question_are_searched() -> None:
    step = next_step(Material(question=QUESTION))
    assert step["enough"] is False
    assert 1 <= len(step["queries"]) <= 3
    assert QUESTION not in step["queries"]
