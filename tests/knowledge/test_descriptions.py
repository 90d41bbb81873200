"""Descriptions of notes in the index: kept while the text is the one they are of, and searched like the note itself."""

from collections.abc import Sequence
from dataclasses import replace

import apsw
import pytest

from amalfa.calls import Passage
from amalfa.knowledge.body import body_hash
from amalfa.knowledge.descriptions import Description, forget_description, learn_body_hashes, put_descriptions
from amalfa.knowledge.index import Index
from amalfa.knowledge.retrieve import Retriever
from amalfa.knowledge.tables import APPLICATION_ID, INDEX_DB
from amalfa.store.rows import fetch
from amalfa.store.schema import migrate
from tests.knowledge.conftest import OpenIndex, Vault, rows

pytestmark = pytest.mark.anyio

KETTLE = "# Kettle\n\nPour vinegar in, wait an hour, rinse it twice.\n"
POT = "# Pot\n\nA pot of clay keeps soup warm.\n"
SUMMARY = "How to descale the boiler at home."


def description_of(path: str, text: str, source: int = 1, summary: str = SUMMARY) -> Description:
    digest = body_hash(path, text)
    return Description(
        path, digest, source, "Descaling", summary, ("limescale",), ("maintenance",), ("boiler",), "guide"
    )


async def describe(index: Index, *descriptions: Description) -> None:
    await index.database.write(lambda connection: put_descriptions(connection, descriptions))


@pytest.fixture
async def kitchen(vault: Vault, index: Index) -> Index:
    vault.write("kettle.md", KETTLE)
    vault.write("pot.md", POT)
    await index.refresh()
    return index


def paths(found: Sequence[Passage]) -> list[str]:
    return [passage.path for passage in found]


async def counts(index: Index) -> tuple[int, int, int]:
    described = (await index.status()).described
    return described.fresh, described.without, described.stale


async def test_a_note_is_found_by_words_that_only_its_description_has(kitchen: Index) -> None:
    assert await Retriever(kitchen).search("descale the boiler") == ()
    await describe(kitchen, description_of("kettle.md", KETTLE))
    (found,) = await Retriever(kitchen).search("descale the boiler")
    assert (found.path, found.summary) == ("kettle.md", SUMMARY)
    assert "vinegar" in found.text


async def test_a_note_that_says_it_itself_comes_before_one_of_which_it_is_said(kitchen: Index, vault: Vault) -> None:
    vault.write("boiler.md", "# Boiler\n\nDescale the boiler every spring.\n")
    await kitchen.refresh()
    await describe(kitchen, description_of("kettle.md", KETTLE))
    found = await Retriever(kitchen).search("descale the boiler")
    assert paths(found) == ["boiler.md", "kettle.md"]
    assert found[0].score > found[1].score
    assert found[0].summary is None


async def test_a_description_that_holds_little_of_the_query_finds_nothing(kitchen: Index) -> None:
    await describe(kitchen, description_of("kettle.md", KETTLE))
    assert await Retriever(kitchen).search("boiler insurance contract renewal") == ()


async def test_other_results_keep_their_order_and_scores(kitchen: Index, vault: Vault) -> None:
    for number in range(6):
        vault.write(f"soup{number}.md", f"# Soup {number}\n\n{'Soup is warm. ' * (number + 1)}A pot helps.\n")
    await kitchen.refresh()
    before = await Retriever(kitchen).search("warm soup pot")
    await describe(kitchen, description_of("kettle.md", KETTLE, summary="A warm soup pot."))
    after = await Retriever(kitchen).search("warm soup pot", k=20)
    assert [(one.path, one.score) for one in after if one.path != "kettle.md"] == [
        (one.path, one.score) for one in before
    ]


async def test_answers_rest_on_what_the_notes_say_themselves(kitchen: Index) -> None:
    await describe(kitchen, description_of("kettle.md", KETTLE))
    evidence = await Retriever(kitchen).retrieve("How do I descale the boiler?")
    assert not evidence.is_sufficient
    assert evidence.passages == ()


async def test_a_description_outlives_another_reading_and_front_matter_but_not_another_text(
    kitchen: Index, vault: Vault
) -> None:
    await describe(kitchen, description_of("kettle.md", KETTLE))
    await kitchen.rebuild()
    vault.write("kettle.md", f"---\nsummary: x\n---\n{KETTLE}")
    await kitchen.refresh()
    assert await counts(kitchen) == (1, 1, 0)
    assert paths(await Retriever(kitchen).search("descale the boiler")) == ["kettle.md"]
    vault.write("kettle.md", KETTLE.replace("hour", "day"))
    await kitchen.refresh()
    assert await counts(kitchen) == (0, 1, 1)
    assert await Retriever(kitchen).search("descale the boiler") == ()
    assert [one.summary for one in await Retriever(kitchen).search("vinegar")] == [None]


async def test_a_summary_of_a_text_that_changed_a_moment_ago_is_not_shown(kitchen: Index, vault: Vault) -> None:
    await describe(kitchen, description_of("kettle.md", KETTLE))
    assert [one.summary for one in await Retriever(kitchen).search("vinegar")] == [SUMMARY]
    vault.write("kettle.md", f"{KETTLE}\n## Then\n\nThrow it away.\n")
    assert [one.summary for one in await Retriever(kitchen).search("vinegar")] == [None]


@pytest.mark.parametrize("head", ["---\namalfa: private\n---\n", ""], ids=["by itself", "by a rule"])
async def test_the_description_of_a_private_note_is_as_private(vault: Vault, index: Index, head: str) -> None:
    vault.write("safe/kettle.md", head + KETTLE)
    vault.write("pot.md", POT)
    await index.refresh()
    await describe(index, description_of("safe/kettle.md", KETTLE))
    notes = Retriever(index, local_only=() if head else ("safe/**",))
    assert paths(await notes.search("descale the boiler")) == ["safe/kettle.md"]
    assert await notes.search("descale the boiler", without_private=True) == ()
    vault.write("pot.md", f"---\namalfa: private\n---\n{POT}")
    await describe(index, description_of("pot.md", POT))
    assert await notes.search("descale the boiler", without_private=True) == ()


async def test_a_search_within_a_folder_stays_there(kitchen: Index) -> None:
    await describe(kitchen, description_of("kettle.md", KETTLE))
    assert await Retriever(kitchen).search("descale the boiler", within=("pot.md",)) == ()
    assert paths(await Retriever(kitchen).search("descale the boiler", within=("kettle.md",))) == ["kettle.md"]


async def test_a_word_of_too_many_descriptions_is_left_out_of_the_query(
    kitchen: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amalfa.knowledge.described.ROWS_PER_QUERY", 1)
    pot = replace(description_of("pot.md", POT), title="Pot", summary="Made of clay.", keywords=())
    await describe(kitchen, description_of("kettle.md", KETTLE), pot)
    assert paths(await Retriever(kitchen).search("descale the boiler")) == ["kettle.md"]
    assert await Retriever(kitchen).search("boiler") == ()


async def test_a_note_that_goes_takes_its_description_along(kitchen: Index, vault: Vault) -> None:
    await describe(kitchen, description_of("kettle.md", KETTLE), description_of("gone.md", "x"))
    (vault.root / "kettle.md").unlink()
    await kitchen.refresh()
    assert await rows(kitchen, "SELECT count(*) FROM description") == [(0,)]
    assert await rows(kitchen, "SELECT count(*) FROM described WHERE described MATCH 'boiler'") == [(0,)]


async def test_a_later_description_takes_the_place_of_an_earlier(kitchen: Index) -> None:
    await describe(kitchen, description_of("kettle.md", KETTLE))
    await describe(kitchen, description_of("kettle.md", KETTLE, 2, "What tea needs."))
    assert [one.summary for one in await Retriever(kitchen).search("tea")] == ["What tea needs."]
    await kitchen.database.write(lambda connection: forget_description(connection, "kettle.md"))
    assert await counts(kitchen) == (0, 2, 0)


async def test_notes_of_an_index_without_hashes_are_not_read_again_for_them(
    vault: Vault, open_index: OpenIndex
) -> None:
    vault.write("kettle.md", KETTLE)
    index = open_index()
    await index.refresh()
    await index.database.write(lambda connection: connection.execute("UPDATE note SET body_hash = ''").fetchall())
    await describe(index, description_of("kettle.md", KETTLE))
    assert await counts(index) == (0, 0, 1)
    hashes = [("kettle.md", body_hash("kettle.md", KETTLE))]
    await index.database.write(lambda connection: learn_body_hashes(connection, hashes))
    assert await counts(index) == (1, 0, 0)


def test_the_step_to_descriptions_leaves_the_notes_read() -> None:
    connection = apsw.Connection(":memory:")
    migrate(connection, INDEX_DB[:2], application_id=APPLICATION_ID)
    connection.execute("INSERT INTO note VALUES(1, 'a.md', 'A', '', '', '', 0, 5, 6, 7, 8, x'01')")
    migrate(connection, INDEX_DB, application_id=APPLICATION_ID)
    assert fetch(connection, "SELECT size, hash, body_hash FROM note") == [(5, b"\x01", "")]
    connection.close()
