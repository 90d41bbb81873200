import pytest

from amalfa.calls import Material, Passage
from amalfa.providers.embedded.answer import NOT_IN_NOTES, answer

KITE = "# kite-03\n\nThe disk of kite-03 holds 4 TB.\n\nIt stands behind the old press.\n\nOwner: [[Ada Blum]]\n"
FAULT = "# Fault F-4711\n\nF-4711 means that the belt is worn.\n\nThe audit liked the page.\n"


def reply(question: str, *texts: str) -> str:
    passages = tuple(
        Passage(
            f"{number}.md", 1, text.count("\n"), text.split("\n")[0].lstrip("# "), text, title=text[2:].split("\n")[0]
        )
        for number, text in enumerate(texts)
    )
    return "".join(answer(Material(question, passages), max_chars=2_000))


def test_a_scene_takes_nothing_from_the_answer() -> None:
    assert "4 TB" in reply("The backup of kite-03 fails since Sunday noon. How big is the disk?", KITE)


@pytest.mark.parametrize("question", ["What's wrong with F-4711?", "F-4711 is on the panel, what do I make of that?"])
def test_a_code_is_answered_by_what_the_notes_say_of_it(question: str) -> None:
    assert "the belt is worn" in reply(question, FAULT)


def test_the_one_figure_on_the_thing_is_quoted_where_no_word_fits() -> None:
    assert "4 TB" in reply("How much fits onto kite-03?", KITE)


def test_a_word_that_another_note_has_is_not_talk() -> None:
    other = "# hawk-02\n\nThe warranty of hawk-02 lasts 3 years.\n"
    assert reply("How long is the warranty of kite-03?", KITE, other).startswith(NOT_IN_NOTES)


def test_a_figure_is_nobody() -> None:
    told = reply("Who holds the disk of kite-03?", KITE)
    assert "4 TB" not in told


@pytest.mark.parametrize(
    "question", ["What's Ada Blum's badge?", "I'd like to know Ada Blum's badge", "Ada Blum's badge?"]
)
def test_a_contraction_is_no_name(question: str) -> None:
    assert "45-3001" in reply(question, "# Ada Blum\n\n- Badge: 45-3001\n- Role: clerk\n")
