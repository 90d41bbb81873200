import pytest

from amalfa.providers.embedded.question import Wanted, read_question, wanted_by


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Who leads Heron?", Wanted.PERSON),
        ("With whom did we travel?", Wanted.PERSON),
        ("What is the role of the person who approved it?", Wanted.ANYTHING),
        ("Which parking bay does Ann have?", Wanted.ANYTHING),
        ("Which servers run Debian?", Wanted.LIST),
        ("What happens when the disk is full?", Wanted.ANYTHING),
        ("On what weekday is it emptied?", Wanted.TIME),
        ("How early must I ask?", Wanted.NUMBER),
        ("What is the contract number of Heron?", Wanted.ANYTHING),
        ("How do I stop it?", Wanted.COMMAND),
    ],
)
def test_the_kind_of_answer_is_read_from_the_wording(text: str, wanted: Wanted) -> None:
    assert wanted_by(text) is wanted


@pytest.mark.parametrize(
    ("text", "wants_value"),
    [
        ("What is the budget of Heron?", True),
        ("In which rack does it stand?", True),
        ("When does it start?", True),
        ("What did I do on 3 May 2024?", False),
        ("How do I stop it?", False),
        ("Why is it slow?", False),
    ],
)
def test_one_fact_is_told_from_a_story(text: str, wants_value: bool) -> None:
    assert read_question(text).wants_value is wants_value


def test_plurals_of_the_question_are_no_singulars() -> None:
    singular = read_question("How many people own the server?").singular
    assert "server" in singular
    assert read_question("Which servers are old?").singular.isdisjoint({"server"})
