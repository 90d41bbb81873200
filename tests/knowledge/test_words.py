"""Words as the index stores them, for notes and questions alike."""

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.knowledge.words import Tokenize, character_pairs, fold, tokenizer_of, unspaced_runs


@pytest.fixture
def tokenize() -> Tokenize:
    return tokenizer_of(apsw.Connection(":memory:"))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The Kettles are boiling", ["the", "kettl", "ar", "boil"]),
        ("Café CRÈME brûlée", ["cafe", "creme", "brule"]),
        ("cafe\u0301", ["cafe"]),
        ("port-11434, v1.2", ["port", "11434", "v1", "2"]),
        ("snake_case", ["snake", "case"]),
        ("", []),
        ("... --- !!!", []),
        ("half \ud800 a character", ["half", "a", "charact"]),
    ],
)
def test_words_are_split_folded_and_stemmed(tokenize: Tokenize, text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("東京", ["東京", "京"]),
        ("猫", ["猫"]),
        ("明日は雨", ["明日", "日は", "は雨", "雨"]),
        ("The 東京 office", ["東京", "京"]),
        ("東京、大阪", ["東京", "京", "大阪", "阪"]),
        ("ﾈｺ", ["ネコ", "コ"]),
        ("서울", ["서울", "울"]),
        ("ไทย", ["ไท", "ทย", "ย"]),
        ("𠮷野", ["𠮷野", "野"]),
        ("no such script", []),
        ("Ünïcödé", []),
    ],
)
def test_scripts_without_spaces_become_pairs(text: str, pairs: list[str]) -> None:
    assert character_pairs(text) == pairs


def test_runs_are_what_stands_between_other_scripts() -> None:
    assert unspaced_runs("東京 Tower と 大阪。") == ["東京", "と", "大阪"]


@given(st.text(alphabet="東京大阪の。、 ab", max_size=20), st.text(alphabet="東京大阪の", min_size=2, max_size=4))
def test_every_clause_in_a_text_is_found_by_its_pairs(around: str, clause: str) -> None:
    indexed = set(character_pairs(f"{around}{clause}{around}"))
    asked = [clause[at : at + 2] for at in range(len(clause) - 1)]
    assert set(asked) <= indexed
    assert any(pair.startswith(clause[-1]) for pair in indexed)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("The  Kettle", "the kettle"),
        ("Zürich--Büro", "zurich buro"),
        ("CAFE\u0301", "cafe"),
        ("how-to_start.now", "how to start now"),
        ("Ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("東京 タワー", "東京 タワー"),
        ("  ", ""),
        ("?!", ""),
    ],
)
def test_names_are_compared_without_case_accents_and_marks(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
