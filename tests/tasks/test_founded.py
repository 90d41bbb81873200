"""Whether words of a reply stand in a text, and what is left out when they do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.tasks.founded import BLANK, DUPLICATE, UNFOUNDED, Sieve, Wording

TEXT = """# Ports

Ollama’s API listens on port 11434; the *config file* is `ollama.json`. Café “Zoë”, C++ && 設定ファイル。
"""


@pytest.mark.parametrize(
    "phrase",
    ["ollama", "PORT 11434", "config\nfile", "ollama.json", "cafe", "zoë", "Zoe", "&&", "設定", "ファイル", "ｐｏｒｔ"],
)
def test_a_phrase_stands_in_a_text_whatever_its_case_accents_and_marks(phrase: str) -> None:
    assert Wording(TEXT).names(phrase)


@pytest.mark.parametrize("phrase", ["", "  ", "llama", "port config", "file config", "11", "||", "設計", "openai"])
def test_a_part_of_a_word_or_another_order_is_not_the_phrase(phrase: str) -> None:
    assert not Wording(TEXT).names(phrase)


def test_a_text_speaks_of_words_in_another_form_or_order() -> None:
    wording = Wording("Configuring the ports of a service")
    assert wording.speaks_of("service port")
    assert wording.speaks_of("configured")
    assert not wording.names("configured")
    assert not wording.speaks_of("service account")
    assert not wording.speaks_of("")


@given(st.text(max_size=200), st.data())
def test_every_line_of_a_text_stands_in_it(text: str, data: st.DataObject) -> None:
    line = data.draw(st.sampled_from(text.splitlines() or [""]))
    assert Wording(text).names(line) == bool(line.strip())


def test_words_of_scripts_without_spaces_count_by_their_characters() -> None:
    assert Wording("one two, One two").word_count == 2
    assert Wording("設定を確認する").word_count == 7


def test_a_sieve_keeps_the_order_and_says_what_it_left_out() -> None:
    sieve = Sieve()
    assert sieve.kept(["b", " ", "a", "B", "x"], lambda one: one != "x") == ["b", "a"]
    assert sieve.repairs == (BLANK, DUPLICATE, UNFOUNDED)


def test_a_sieve_that_leaves_nothing_out_says_nothing() -> None:
    sieve = Sieve()
    assert sieve.kept(["C", "C++", "C#"]) == ["C", "C++", "C#"]
    assert sieve.repairs == ()
