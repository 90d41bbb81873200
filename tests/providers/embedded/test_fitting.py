"""Pieces in the question's words that do not give what it asks for, beside pieces that do."""

import pytest

from amalfa.calls import Passage, PrivacyClass
from amalfa.providers.embedded.fitting import gives_only_the_named, gives_what_is_asked
from amalfa.providers.embedded.pieces import Piece, pieces_of
from amalfa.providers.embedded.question import read_question


def piece(text: str, heading: str = "") -> Piece:
    full = f"## {heading}\n\n{text}" if heading else text
    lines = full.count("\n") + 1
    passage = Passage("kestrel.md", 1, lines, "Kestrel", full, 1.0, "Kestrel", PrivacyClass.CLOUD_OK)
    return pieces_of((passage,))[-1]


@pytest.mark.parametrize(
    ("question", "text", "gives"),
    [
        ("How many people are on Kestrel?", "12 people work on Kestrel.", True),
        ("How many people are on Kestrel?", "- People: 12", True),
        ("How many people are on Kestrel?", "The people downstairs found two errors in the page.", False),
        ("How many people are on Kestrel?", "The people once mixed up the tables.", False),
        ("How many grams of flour does it take?", "- Flour: 330 g", True),
        ("What share of a ticket does Kestrel pay?", "The company refunds 41 percent of a ticket.", True),
        ("What share of a ticket does Kestrel pay?", "Tickets older than 10 weeks are turned down.", False),
        ("What night are the lessons?", "Lessons take place on Monday evenings.", True),
        ("What night are the lessons?", "The night shift keeps its own list, as every year.", False),
        ("Which hours are core time?", "Be there from 9:00 to 14:00.", True),
        ("Which hours are core time?", "A certificate is due from the fourth day.", False),
        ("How hot must the oven be?", "- Oven: 180 °C", True),
        ("How hot must the oven be?", "- Oven: 180", True),
        ("How hot must the oven be?", "- Oven time: 21 minutes", False),
        ("Which hotel was booked?", "- Hotel: Casa Aurora", True),
        ("Which hotel was booked?", "- Booking code: ZBL306", False),
    ],
)
def test_a_piece_gives_the_count_measure_or_label_asked_for(question: str, text: str, gives: bool) -> None:
    assert gives_what_is_asked(read_question(question), piece(text)) is gives


def test_a_number_under_the_heading_of_what_is_counted_counts_it() -> None:
    question = read_question("How many screens may a desk have?")
    assert gives_what_is_asked(question, piece("Each desk may have three of them.", heading="Screens"))
    assert not gives_what_is_asked(question, piece("Each desk may have three of them.", heading="Chairs"))


@pytest.mark.parametrize(
    ("question", "text", "is_only_named"),
    [
        ("Who is the manager of Ada Quill?", "- Lead: [[Ada Quill]]", True),
        ("Who is the manager of Ada Quill?", "- Lead: [[Boris Vance]]", False),
        ("Who reports to Ada Quill?", "- Reports to: [[Ada Quill]]", False),
        ("Where does Ada Quill live?", "- Owner: [[Ada Quill]]", True),
        ("With whom did Ada Quill travel?", "- Booking code: BQW422", True),
    ],
)
def test_the_thing_named_is_no_answer_about_itself(question: str, text: str, is_only_named: bool) -> None:
    assert gives_only_the_named(read_question(question), piece(text)) is is_only_named


def test_a_lone_german_noun_is_no_name() -> None:
    asked = read_question("Wie hoch ist der Jahresbeitrag im Kleingartenverein Grüner Hügel?")
    assert "jahresbeitrag" not in asked.names
    assert "hugel" in asked.names
