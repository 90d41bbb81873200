"""What a question is taken apart into: the things it names, and what it asks of them."""

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.knowledge.question import Kind, Question, read_question
from amalfa.knowledge.words import Tokenize, tokenizer_of


def make_tokenizer() -> Tokenize:
    return tokenizer_of(apsw.Connection(":memory:"))


TOKENIZE = make_tokenizer()


def read(text: str) -> Question:
    return read_question(text, TOKENIZE)


def of_kind(text: str, kind: Kind) -> list[str]:
    return [unit.text for unit in read(text).units if unit.kind is kind]


def asked(text: str) -> list[str]:
    return [unit.text for unit in read(text).units if unit.kind is Kind.WORD and not unit.is_light]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("Which port does the Amber Falcon use?", ["Amber Falcon"], id="capitals side by side are one"),
        pytest.param("What is Ada Quill's phone number?", ["Ada Quill"], id="a possessive s ends a name"),
        pytest.param("Did the Bank of England decide?", ["Bank of England"], id="small words join capitals"),
        pytest.param("Is Halberd 2 faster than Osprey?", ["Halberd 2", "Osprey"], id="a number belongs to its name"),
        pytest.param("Amber Falcon budget", ["Amber Falcon"], id="a name may open the question"),
        pytest.param("Describe the office in Graz.", ["Graz"], id="an opening verb is no name"),
        pytest.param("Who owns Crimson Beacon?", ["Crimson Beacon"], id="a short question is no title"),
        pytest.param("What Is The Port Of Amber Falcon", [], id="in title case capitals mean nothing"),
        pytest.param("Welchen Port hat der Dienst Halberd?", [], id="in German capitals mean nothing"),
        pytest.param("What is the SLA of it?", [], id="an acronym may be a word"),
    ],
)
def test_names_are_read_from_capitals(text: str, names: list[str]) -> None:
    assert of_kind(text, Kind.NAME) == names


@pytest.mark.parametrize(
    "identifier",
    ["foo.bar", "OLLAMA_HOST", "--max-cost", "v1.2.3", "qwen2.5:1.5b", "docs/install.md", "ada@example.org", "s3"],
)
def test_identifiers_are_kept_whole(identifier: str) -> None:
    assert of_kind(f"Where is {identifier} used?", Kind.IDENTIFIER) == [identifier]


def test_what_is_quoted_is_looked_for_as_one_phrase() -> None:
    assert of_kind('Who said "rates will rise" and “not so soon”?', Kind.PHRASE) == ["rates will rise", "not so soon"]


def test_words_parted_by_a_slash_are_two() -> None:
    assert asked("read/write timeout?") == ["read", "write", "timeout"]


def test_small_words_are_left_out_and_light_ones_weigh_little() -> None:
    units = read("Which port does it use?").units
    assert [(unit.text, unit.is_light) for unit in units] == [("port", False), ("use", True)]


@pytest.mark.parametrize("text", ["How big is the disk?", "On which date did it start?"])
def test_the_measure_after_how_and_which_weighs_little(text: str) -> None:
    assert [unit.is_light for unit in read(text).units] == [True, False]


@pytest.mark.parametrize(
    ("text", "expects"),
    [
        ("How many seats are there?", True),
        ("When does it start?", True),
        ("Wie hoch ist der Turm?", True),
        ("¿Cuántas sillas hay?", True),
        ("How does it start?", False),
        ("Who started it?", False),
    ],
)
def test_a_question_for_a_number_or_date_is_known(text: str, expects: bool) -> None:
    assert read(text).expects_value is expects


def test_unspaced_scripts_become_pairs_between_their_particles() -> None:
    units = read("設定ファイルの場所は?").units
    assert {unit.kind for unit in units} == {Kind.UNSPACED}
    assert [unit.text for unit in units] == ["設定ファイル", "場所"]
    assert units[0].tokens[0] == "設定"


def test_accents_and_endings_do_not_matter() -> None:
    assert read("cafés").units[0].tokens == ("cafe",)


def test_a_date_is_no_word_to_search_for() -> None:
    question = read("What was decided after March 2024?")
    assert asked("What was decided after March 2024?") == ["decided"]
    assert question.time.since == "2024-03~"


def test_the_last_word_may_be_unfinished_only_at_the_very_end() -> None:
    assert read("amber fal").last == "fal"
    assert read("amber fal?").last is None


@given(st.text(max_size=200))
def test_any_text_is_read_without_failing_and_can_be_stored(text: str) -> None:
    question = read(text)
    question.text.encode()
    for unit in question.units:
        assert unit.tokens
        assert question.text[unit.start : unit.end].lower() == unit.text.lower() or unit.kind is Kind.UNSPACED
