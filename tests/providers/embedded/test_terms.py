import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.providers.embedded.terms import asked_terms, fold, rarity, stem, synonyms_of, telling, terms_of


@pytest.mark.parametrize(
    "forms",
    [
        ("switch", "switches", "switching", "switched"),
        ("store", "stores", "storing", "stored"),
        ("run", "runs", "running", "ran"),
        ("decide", "decided", "decision", "decisions"),
        ("policy", "policies"),
        ("box", "boxes"),
        ("agree", "agreed", "agrees"),
    ],
)
def test_forms_of_one_word_are_one_term(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize(("one", "other"), [("status", "state"), ("process", "proceed"), ("e-4131", "e-4132")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_case_accents_and_width_do_not_matter() -> None:
    assert fold("Łódź ÅNGSTRÖM Ｎｕｎｅｓ Núñez") == "lodz angstrom nunes nunez"


def test_kana_keep_their_marks() -> None:
    assert fold("がぱ") == "がぱ"
    assert fold("한국") == "한국"


def test_a_compound_is_found_whole_and_in_parts() -> None:
    assert terms_of("kestrel-03 runs sonar.cloud") == [
        "kestrel-03",
        "kestrel",
        "03",
        "run",
        "sonar.cloud",
        "sonar",
        "cloud",
    ]
    assert asked_terms("kestrel-03 runs") == ["kestrel-03", "run"]


@pytest.mark.parametrize(
    "day", ["14 May 2024", "May 14th, 2024", "14. Mai 2024", "14.05.2024", "2024年5月14日", "2024-05-14"]
)
def test_a_day_is_one_term_however_it_is_written(day: str) -> None:
    assert "2024-05-14" in terms_of(f"on {day} we met")


def test_a_month_of_a_year_is_found_in_the_days_it_holds() -> None:
    assert asked_terms("May 2024")[0] == "2024-05"
    assert "2024-05" in terms_of("2024-05-14")


def test_scripts_without_spaces_become_pairs_and_questions_lose_their_particles() -> None:
    assert terms_of("砂糖は") == ["砂糖", "糖は"]
    assert asked_terms("砂糖は何グラムですか") == ["砂糖", "グラ", "ラム"]


def test_small_words_count_only_when_there_are_no_others() -> None:
    assert telling(asked_terms("where is the socket")) == ["socket"]
    assert telling(asked_terms("to be or not to be")) == ["to", "be", "or", "not"]


def test_a_doubled_l_is_spelling_in_long_words_only() -> None:
    assert stem("travelled") == stem("traveled") == stem("travel")
    assert stem("filled") == stem("fill") != stem("file")


def test_likeness_goes_both_ways() -> None:
    assert stem("erase") in synonyms_of(stem("delete"))
    assert stem("delete") in synonyms_of(stem("erase"))


def test_the_rarer_a_term_the_more_it_tells() -> None:
    weights = rarity([frozenset("ab"), frozenset("ac"), frozenset("ad")])
    assert weights["b"] > weights["a"] >= 1.0


@given(st.text())
def test_any_text_has_terms_without_blanks_and_folding_twice_changes_nothing(text: str) -> None:
    assert all(term and not term.isspace() for term in terms_of(text))
    assert fold(fold(text)) == fold(text)
