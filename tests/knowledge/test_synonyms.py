"""The thesaurus: both ways within an idea, one way behind the arrow, never the commonest words."""

from pathlib import Path

import apsw

from amalfa.knowledge import synonyms
from amalfa.knowledge.stopwords import is_light, language_of, stop_words
from amalfa.knowledge.synonyms import Thesaurus
from amalfa.knowledge.words import tokenizer_of

TOKENIZE = tokenizer_of(apsw.Connection(":memory:"))
THESAURUS = Thesaurus(TOKENIZE)


def others(word: str) -> set[str]:
    return {one.text for one in THESAURUS.others(tuple(TOKENIZE(word)))}


def test_words_of_one_idea_stand_for_one_another_in_any_form() -> None:
    assert "budget" in others("money")
    assert "money" in others("budgets")


def test_an_arrow_leads_one_way_only() -> None:
    assert "owner" in others("responsible")
    assert "maintained" in others("in charge")
    assert "maintained" not in others("owner")


def test_unknown_words_stand_for_themselves() -> None:
    assert not THESAURUS.knows(("halberd",))
    assert others("halberd") == set()


def test_no_word_is_its_own_synonym_and_none_is_so_common_that_it_proves_nothing() -> None:
    lines = Path(synonyms.__file__).with_name("synonyms.txt").read_text(encoding="utf-8").splitlines()
    words = {text.strip() for line in lines if not line.startswith("#") for text in line.replace(">", ";").split(";")}
    for word in words - {""}:
        tokens = tuple(TOKENIZE(word))
        assert tokens not in {one.tokens for one in THESAURUS.others(tokens)}
        assert not {one.text for one in THESAURUS.others(tokens)} & stop_words("en")


def test_the_language_of_a_question_decides_its_small_words() -> None:
    assert language_of(["welchen", "port", "hat", "der", "dienst", "und", "wer", "ist", "das"]) == "de"
    assert language_of(["où", "est", "le", "fichier", "de", "la", "maison"]) == "fr"
    assert language_of(["which", "port", "is", "it"]) == "en"
    assert language_of(["halberd"]) == "en"
    assert "der" in stop_words("de")
    assert is_light("use")
    assert not is_light("port")
