from hypothesis import given
from hypothesis import strategies as st

from amalfa.providers.embedded.otherwords import OtherWords, read_other_words, usual_others
from amalfa.providers.embedded.terms import shown_in, stem


def test_a_word_is_met_by_its_synonyms_whatever_their_inflection() -> None:
    others = read_other_words((("wage", ("salary", "pay day")),))
    assert others.stand_in("wag", shown_in("Salaries arrive late."))
    assert not others.stand_in("wag", shown_in("Nothing arrives."))


def test_the_words_of_a_longer_expression_must_be_neighbours_small_ones_too() -> None:
    others = read_other_words((("birthday", ("date of birth",)),))
    assert others.stand_in("birthday", shown_in("Date of birth: 5 May"))
    assert not others.stand_in("birthday", shown_in("The date is that of the birth."))


def test_a_part_of_several_words_is_meant_by_each_of_them() -> None:
    others = read_other_words((("trial period", ("probation",)),))
    shown = shown_in("Probation lasts 3 months.")
    assert others.stand_in(stem("trial"), shown)
    assert others.stand_in(stem("period"), shown)


def test_a_verb_with_its_small_word_is_met_with_that_only() -> None:
    others = read_other_words((("turn to", ("contact",)),))
    assert others.says("turn", shown_in("Turn to the front desk."))
    assert not others.says("turn", shown_in("Old claims are turned down."))


def test_an_article_makes_no_such_verb() -> None:
    assert not read_other_words((("the mule", ("merlin db 04",)),)).wholes


def test_names_are_told_from_synonyms_by_being_the_whole_name_of_a_note() -> None:
    others = read_other_words((("Teapot", ("copper swift", "kettle")), ("role", ("job",))))
    names = others.that_name([frozenset({"copper", "swift"}), frozenset({"job"})], frozenset({"teapot"}))
    assert names.terms == {"teapot"}
    assert names.stand_in("teapot", shown_in("Copper Swift ships in May."))
    assert not names.stand_in("teapot", shown_in("The kettle ships in May."))


def test_without_a_search_the_usual_words_of_manuals_are_used() -> None:
    assert usual_others(("delet",)).stand_in("delet", shown_in("Remove the file."))
    assert not OtherWords().stand_in("delet", shown_in("Remove the file."))


@given(st.lists(st.tuples(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=3)), max_size=3), st.text())
def test_any_words_can_be_read_and_looked_for(given_words: list[tuple[str, list[str]]], text: str) -> None:
    others = read_other_words(given_words)
    for term in others.terms:
        assert others.stand_in(term, shown_in(text)) in (True, False)
