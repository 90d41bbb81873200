"""What an index knows as one thing, found in a question that alone cannot tell."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from amalfa.knowledge.index import Index
from amalfa.knowledge.question import Kind, read_question
from amalfa.knowledge.sought import Sought, look_up
from amalfa.knowledge.sources import Sources
from amalfa.knowledge.synonyms import Thesaurus
from amalfa.knowledge.words import tokenizer_of

pytestmark = pytest.mark.anyio

NOTES = {
    "recipes/apricot-almond-tart.md": "# Apricot almond tart\n\nSugar: 80 g",
    "recipes/fig-almond-cake.md": "# Fig almond cake\n\nSugar: 90 g",
    "recipes/apricot-fig-cake.md": "# Apricot fig cake\n\nSugar: 70 g",
    "servers/web-03.md": "---\naliases: [the sleeping beauty]\n---\n# web-03\n\n- Rate limit: 10 per minute",
    "servers/web-04.md": "# web-04\n\n- Rate limit: 20 per minute\n\nSee [[web-03|the old box]].",
    "servers/web-05.md": "# web-05\n\n- Rate limit: 30 per minute",
    "people/weiss.md": "# Jürgen Weiße\n\nLives in Graz.",
    "papers/long.md": "# On the Length of Notes\n\nShort ones are better.",
    "budget.md": "# Budget\n\nAll of it.",
}


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    root = tmp_path / "notes"
    for path, text in NOTES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text + "\n", encoding="utf-8")
    opened = Index(Index.open_database(tmp_path / "state" / "index.db"), Sources(root))
    await opened.refresh()
    yield opened
    await opened.database.aclose()


async def sought(index: Index, question: str) -> dict[str, Sought]:
    def work(connection: object) -> tuple[Sought, ...]:
        tokenize = tokenizer_of(connection)  # type: ignore[arg-type]  # the reader's connection
        return look_up(connection, read_question(question, tokenize), tokenize, Thesaurus(tokenize))  # type: ignore[arg-type]  # the same

    return {one.unit.text: one for one in await index.database.read(work)}


@pytest.mark.parametrize(
    ("question", "name"),
    [
        pytest.param("What is the rate limit of the sleeping beauty?", "the sleeping beauty", id="an alias"),
        pytest.param("What is the rate limit of the old box?", "the old box", id="what a link calls it"),
        pytest.param("where does jurgen weiße live", "jurgen weiße", id="without accents"),
        pytest.param('Who wrote "On the Length of Notes"?', "On the Length of Notes", id="a title in quotation marks"),
    ],
)
async def test_a_name_of_a_note_is_known_however_it_is_written(index: Index, question: str, name: str) -> None:
    found = (await sought(index, question))[name]
    assert found.unit.kind is Kind.NAME
    assert len(found.notes) == 1


async def test_a_word_that_is_also_a_title_stays_a_word(index: Index) -> None:
    assert (await sought(index, "What is the budget of web-03?"))["budget"].unit.kind is Kind.WORD


async def test_a_name_missing_from_a_family_of_names_is_one_unknown_thing(index: Index) -> None:
    missing = (await sought(index, "How much sugar goes into the apricot almond cake?"))["apricot almond cake"]
    assert missing.unit.kind is Kind.NAME
    assert (missing.count, missing.notes) == (0, frozenset())


async def test_words_the_notes_use_side_by_side_are_one_thing(index: Index) -> None:
    compound = (await sought(index, "What is the rate limit of web-03?"))["rate limit"]
    assert compound.unit.kind is Kind.WORD
    assert [part.unit.text for part in compound.parts] == ["rate", "limit"]


async def test_an_expression_is_looked_for_together(index: Index) -> None:
    found = await sought(index, "Who is in charge of web-03?")
    assert "in charge of" in found or "in charge" in found


async def test_a_rare_word_weighs_more_than_a_common_one_and_an_unused_one_little(index: Index) -> None:
    found = await sought(index, "sugar lives zyzzyva")
    assert found["lives"].weight > found["sugar"].weight
    assert found["zyzzyva"].weight < found["lives"].weight
