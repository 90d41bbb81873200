"""The tables of index.db: what stands in them after each statement, and that nothing is left behind."""

from collections.abc import Iterator
from dataclasses import replace

import apsw
import pytest

from amalfa.knowledge import tables
from amalfa.knowledge.files import Document
from amalfa.knowledge.markdown import BlockReader
from amalfa.knowledge.notes import Note, make_note
from amalfa.knowledge.tables import (
    APPLICATION_ID,
    INDEX_DB,
    Known,
    known_note,
    known_notes,
    put_note,
    put_skipped,
    remove_note,
    set_skipped,
    touch_note,
)
from amalfa.store.rows import Row, fetch
from amalfa.store.schema import migrate

READER = BlockReader()
KETTLE = "---\ntags: [home]\naliases: [Boiler]\n---\n# Kettle\n\nIt boils water for the [[Pot|teapot]]. #hot"


@pytest.fixture
def connection() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    connection.pragma("foreign_keys", True)
    migrate(connection, INDEX_DB, application_id=APPLICATION_ID)
    yield connection
    connection.close()


def note(text: str = KETTLE, path: str = "kettle.md", seen_ns: int = 100) -> Note:
    lines = tuple(text.split("\n"))
    return make_note(Document(path, lines, len(text), 50, 7, text.encode()[:16], seen_ns), READER)


def matching(connection: apsw.Connection, query: str) -> list[str]:
    select = "SELECT p.text FROM words w JOIN passage p ON p.id = w.rowid WHERE words MATCH ? ORDER BY p.id"
    return [text for (text,) in fetch(connection, select, (query,))]


def counts(connection: apsw.Connection) -> dict[str, int]:
    names = ("note", "passage", "name", "link", "words", "vocabulary", "skipped")
    return {name: fetch(connection, f"SELECT count(*) FROM {name}")[0][0] for name in names}  # noqa: S608 - names above


def skipped(connection: apsw.Connection) -> list[Row]:
    return fetch(connection, "SELECT path, reason FROM skipped ORDER BY path")


def test_a_note_is_stored_whole(connection: apsw.Connection) -> None:
    assert put_note(connection, note())
    stored = "SELECT path, title, aliases, tags, date, is_private, start_line, end_line, heading, text FROM stored"
    assert fetch(connection, stored) == [
        ("kettle.md", "Kettle", "Boiler", "home hot", "", 0, 5, 7, "Kettle", "\n".join(KETTLE.split("\n")[4:]))
    ]
    assert known_note(connection, "kettle.md") == Known(1, len(KETTLE), 50, 7, 100, KETTLE.encode()[:16])
    assert known_notes(connection) == {"kettle.md": known_note(connection, "kettle.md")}


def test_a_private_note_is_marked(connection: apsw.Connection) -> None:
    put_note(connection, note("---\namalfa: private\n---\ntext"))
    assert fetch(connection, "SELECT is_private FROM stored") == [(1,)]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("boiling", id="by another form of a word"),
        pytest.param("title : boiler", id="by an alias"),
        pytest.param("tags : home", id="by a tag of the head"),
        pytest.param("tags : hot", id="by a tag of the text"),
        pytest.param("path : kettle", id="by its path"),
        pytest.param("heading : kettle", id="by its heading"),
        pytest.param('"boils water"', id="by a phrase"),
    ],
)
def test_a_note_is_found(connection: apsw.Connection, query: str) -> None:
    put_note(connection, note())
    assert len(matching(connection, query)) == 1


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("# Café\n\nCrème brûlée", "creme"),
        ("# Cafe\n\nCreme brulee", "crème"),
        ("# Zürich", "ZURICH"),
        ("# 東京の天気\n\n明日は雨", "pairs : 天気"),
        ("# 東京の天気\n\n明日は雨", "pairs : 雨"),
        ("---\naliases: [東京タワー]\n---\ntext", "pairs : タワ"),
        ("# 서울\n\n한국의 수도", "pairs : 수도"),
    ],
)
def test_accents_and_scripts_without_spaces_are_found(connection: apsw.Connection, text: str, query: str) -> None:
    put_note(connection, note(text))
    assert len(matching(connection, query)) == 1


def test_names_links_and_what_others_call_a_note_are_kept(connection: apsw.Connection) -> None:
    put_note(connection, note())
    names = fetch(connection, "SELECT folded, target FROM name ORDER BY folded")
    assert names == [("boiler", ""), ("kettle", ""), ("teapot", "pot")]
    assert fetch(connection, "SELECT target FROM link") == [("pot",)]


def test_a_newer_reading_takes_the_place_of_an_older_one_without_leftovers(connection: apsw.Connection) -> None:
    put_note(connection, note())
    before = counts(connection)
    assert put_note(connection, note("# Fridge\n\nIt cools.", seen_ns=200))
    assert matching(connection, "boils OR kettle OR teapot") == matching(connection, "path : kettle")
    assert len(matching(connection, "cools")) == 1
    put_note(connection, note(seen_ns=300))
    assert counts(connection) == before


def test_an_older_reading_never_takes_the_place_of_a_newer_one(connection: apsw.Connection) -> None:
    put_note(connection, note("# New", seen_ns=200))
    assert not put_note(connection, note("# Old", seen_ns=100))
    assert matching(connection, "new") == ["# New"]
    assert matching(connection, "old") == []


def test_removing_a_note_leaves_nothing_of_it(connection: apsw.Connection) -> None:
    put_note(connection, note("# Other", path="other.md"))
    alone = counts(connection)
    put_note(connection, note())
    assert remove_note(connection, "kettle.md")
    assert not remove_note(connection, "kettle.md")
    assert counts(connection) == alone
    assert fetch(connection, "SELECT count(*) FROM vocabulary WHERE term = 'boil'") == [(0,)]
    connection.execute("INSERT INTO words(words) VALUES('integrity-check')")


def test_touching_a_note_changes_what_tells_a_change_and_nothing_else(connection: apsw.Connection) -> None:
    put_note(connection, note())
    passages = fetch(connection, "SELECT * FROM stored")
    touch_note(connection, 1, (1, 2, 3, 4))
    assert known_note(connection, "kettle.md") == Known(1, 1, 2, 3, 4, KETTLE.encode()[:16])
    assert fetch(connection, "SELECT * FROM stored") == passages


def test_a_note_with_a_problem_is_kept_and_its_problem_told_until_it_is_mended(connection: apsw.Connection) -> None:
    put_note(connection, note("---\na: b: c\n---\ntext"))
    assert [path for path, _ in skipped(connection)] == ["kettle.md"]
    assert len(matching(connection, "text")) == 1
    put_note(connection, note("text", seen_ns=200))
    assert skipped(connection) == []


def test_a_path_that_is_skipped_is_no_note_any_more(connection: apsw.Connection) -> None:
    put_note(connection, note())
    assert put_skipped(connection, "kettle.md", "it is binary")
    assert not put_skipped(connection, "kettle.md", "it is huge")
    assert known_notes(connection) == {}
    assert skipped(connection) == [("kettle.md", "it is huge")]
    remove_note(connection, "kettle.md")
    assert skipped(connection) == []


def test_reasons_are_replaced_and_those_of_indexed_notes_stay(connection: apsw.Connection) -> None:
    put_note(connection, note("---\na: b: c\n---\ntext"))
    put_skipped(connection, "gone.md", "it is binary")
    set_skipped(connection, [("new.md", "it is huge")])
    assert [path for path, _ in skipped(connection)] == ["kettle.md", "new.md"]


def test_reasons_are_counted_up_to_a_limit(connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_SKIPPED", 3)
    set_skipped(connection, [(f"{number}.md", "it is huge") for number in range(9)])
    assert len(skipped(connection)) == 3
    put_skipped(connection, "0.md", "it is binary")
    assert ("0.md", "it is binary") in skipped(connection)


def test_a_note_without_text_is_known_all_the_same(connection: apsw.Connection) -> None:
    put_note(connection, note(""))
    assert counts(connection)["note"] == 1
    assert counts(connection)["passage"] == 0


def test_text_that_looks_like_sql_or_markup_is_only_text(connection: apsw.Connection) -> None:
    text = '# \'); DROP TABLE note; --\n\n"quoted" % _ \0 ? :x'
    put_note(connection, note(text, path='it\'s; a "note".md'))
    assert fetch(connection, "SELECT text FROM passage") == [(text,)]
    assert known_note(connection, 'it\'s; a "note".md') is not None


def test_a_hash_never_says_the_same_of_two_notes(connection: apsw.Connection) -> None:
    put_note(connection, note("# A\n\ntext"))
    put_note(connection, replace(note("# B\n\ntext"), document=note("# B\n\ntext", path="b.md").document))
    hashes = fetch(connection, "SELECT hash FROM passage")
    assert len(set(hashes)) == len(hashes) == 2
