"""Answering from a small vault of notes that are easily confused: the right lines first, and an honest no."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from amalfa.calls import Passage, PrivacyClass
from amalfa.errors import ConnectFailed
from amalfa.knowledge.index import Index
from amalfa.knowledge.retrieve import Retriever
from amalfa.knowledge.sources import Sources
from amalfa.knowledge.vectors import Embedder

pytestmark = pytest.mark.anyio

SERVICES = {
    "amber-falcon": ("Amber Falcon", "AF-7", ["- Port: 8443", "- Owner: [[Ada Quill]]", "- Budget: 42,000 EUR a year"]),
    "amber-heron": ("Amber Heron", "AH-2", ["- Port: 9001", "- Owner: [[Boris Vance]]", "- Log retention: 45 days"]),
    "silver-falcon": ("Silver Falcon", "SF-3", ["- Port: 7070", "It is looked after by [[Team Kestrel]]."]),
    "copper-otter": ("Copper Otter", "CO-9", ["- Budget: 7,500 EUR a year", "- Database: PostgreSQL 15"]),
}
NOTES = {
    **{
        f"services/{stem}.md": "\n".join(
            ["---", f"title: {title}", f"aliases: [{alias}]", "tags: [service]", "---", f"# {title}", "", *facts, "",
             "Procurement reviewed the template for deadlines, without result."]
        )
        for stem, (title, alias, facts) in SERVICES.items()
    },
    "people/ada.md": "# Ada Quill\n\nPhone: +44 20 7946 0001\n\nBased in Lisbon.",
    "people/boris.md": "# Boris Vance\n\nPhone: +44 20 7946 0002\n\nBased in Graz.",
    "teams/kestrel.md": "# Team Kestrel\n\nLead: [[Ada Quill]]\n\n- Chat channel: #kestrel",
    "log/2024-03-05.md": "---\ndate: 2024-03-05\n---\n# Review\n\nThe replica count of Amber Falcon is now 3.",
    "log/2024-06-11.md": "---\ndate: 2024-06-11\n---\n# Review\n\nThe replica count of Amber Falcon is now 5.",
    "log/2024-07-01.md": "# Sync\n\nWe talked about Silver Falcon.\n\nThe deadline of Copper Otter is 2024-09-01.",
    "secret/pay.md": "---\namalfa: private\n---\n# Salaries\n\nAda Quill earns 90,000 EUR.",
    "handbook/cli.md": (
        "# Command line\n\nRun `otter --drain-timeout 30 --max-retries 4`.\n\nSet `OTTER_HOME` first. See foo.bar_baz."
    ),
    "ko/서울 매장.md": "# 서울 매장\n\n냉장고 온도는 104도입니다.",
    "ja/cafe.md": "# 猫カフェ\n\n猫カフェの営業時間は午前十時から午後八時までです。\n\nCafé crème costs 4 €.",
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    for path, text in NOTES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text + "\n", encoding="utf-8")
    return folder


@pytest.fixture
async def index(root: Path, tmp_path: Path) -> AsyncIterator[Index]:
    opened = Index(Index.open_database(tmp_path / "state" / "index.db"), Sources(root))
    await opened.refresh()
    yield opened
    await opened.database.aclose()


def holds(passages: tuple[Passage, ...], path: str, words: str) -> bool:
    return any(passage.path == path and words in passage.text for passage in passages)


@pytest.mark.parametrize(
    ("question", "path", "words"),
    [
        pytest.param("Which port does Amber Falcon use?", "services/amber-falcon.md", "8443", id="a name and a word"),
        pytest.param("port of amber heron", "services/amber-heron.md", "9001", id="in small letters"),
        pytest.param("What is the port of AF-7?", "services/amber-falcon.md", "8443", id="by an alias"),
        pytest.param("How much money may Copper Otter spend?", "services/copper-otter.md", "7,500", id="a synonym"),
        pytest.param("Who is in charge of Amber Heron?", "services/amber-heron.md", "Boris", id="an expression"),
        pytest.param(
            "How long does Amber Heron keep its logs?", "services/amber-heron.md", "45 days", id="a word form"
        ),
        pytest.param(
            'Where is "replica count of Amber Falcon is now 5"?', "log/2024-06-11.md", "now 5", id="a quotation"
        ),
        pytest.param("What is --drain-timeout set to?", "handbook/cli.md", "--max-retries", id="a flag"),
        pytest.param("Where is OTTER_HOME set?", "handbook/cli.md", "OTTER_HOME", id="a variable"),
        pytest.param("foo.bar_baz", "handbook/cli.md", "foo.bar_baz", id="a dotted name"),
        pytest.param("猫カフェの営業時間は?", "ja/cafe.md", "午前十時", id="a script without spaces"),
        pytest.param("What does a cafe creme cost?", "ja/cafe.md", "4 €", id="without the accents"),
    ],
)
async def test_the_passage_that_answers_comes_first(index: Index, question: str, path: str, words: str) -> None:
    evidence = await Retriever(index).retrieve(question)
    assert evidence.is_sufficient, evidence.reason
    assert holds(evidence.passages[:1], path, words)


@pytest.mark.parametrize(
    ("question", "path", "words"),
    [
        pytest.param("What is the phone number of the owner of Amber Heron?", "people/boris.md", "0002", id="one link"),
        pytest.param("Who leads the team that looks after Silver Falcon?", "teams/kestrel.md", "Lead", id="by a team"),
    ],
)
async def test_a_link_is_followed_to_the_rest_of_the_answer(index: Index, question: str, path: str, words: str) -> None:
    evidence = await Retriever(index).retrieve(question)
    assert evidence.is_sufficient, evidence.reason
    assert holds(evidence.passages[:3], path, words)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        pytest.param("What is the latest replica count of Amber Falcon?", "now 5", id="the newest"),
        pytest.param("What was the replica count of Amber Falcon before April 2024?", "now 3", id="before a date"),
        pytest.param("What was the replica count of Amber Falcon in June 2024?", "now 5", id="in a month"),
    ],
)
async def test_notes_that_contradict_are_told_apart_by_date(index: Index, question: str, words: str) -> None:
    evidence = await Retriever(index).retrieve(question)
    assert evidence.is_sufficient
    assert words in evidence.passages[0].text


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        pytest.param("Which port does Golden Lantern use?", "No note mentions “Golden Lantern”", id="an unknown thing"),
        pytest.param("Which port does Silver Heron use?", "No note mentions “Silver Heron”", id="made of known words"),
        pytest.param("Which port does Copper Otter use?", "“port”", id="known elsewhere, not for this thing"),
        pytest.param("What is the deadline of Amber Falcon?", "“deadline”", id="only a remark uses the word"),
        pytest.param("What is the mascot of Amber Falcon?", "“mascot”", id="a word no note uses"),
        pytest.param(
            "What was decided about Amber Falcon on 9 May 2024?", "dated 2024-05-09", id="a day without notes"
        ),
        pytest.param("the and of", "no word to search for", id="nothing to search for"),
    ],
)
async def test_too_little_evidence_is_refused_with_a_reason(index: Index, question: str, reason: str) -> None:
    evidence = await Retriever(index).retrieve(question)
    assert not evidence.is_sufficient
    assert reason in evidence.reason


async def test_a_refusal_names_the_nearest_notes_and_what_was_searched(index: Index) -> None:
    evidence = await Retriever(index).retrieve("What is the mascot of Amber Falcon?")
    assert evidence.nearest[0] == ("services/amber-falcon.md", "Amber Falcon")
    assert len(evidence.nearest) == 3
    assert evidence.searched == len(NOTES)
    assert evidence.indexed_at is not None


async def test_within_narrows_the_search_to_some_notes(index: Index) -> None:
    retriever = Retriever(index)
    passages = await retriever.search("falcon", within=("log",))
    assert {passage.path.split("/")[0] for passage in passages} == {"log"}
    assert not (await retriever.retrieve("Which port does Amber Falcon use?", within=("people/*.md",))).is_sufficient
    assert (await retriever.retrieve("anything", within=("nowhere",))).searched == 0


async def test_a_question_word_of_another_script_is_no_content(index: Index) -> None:
    evidence = await Retriever(index).retrieve("서울 매장 냉장고 온도는 몇 도입니까?")
    assert evidence.is_sufficient
    assert "104도입니다" in evidence.passages[0].text


async def test_what_may_stand_for_the_words_of_a_question_goes_along(index: Index) -> None:
    evidence = await Retriever(index).retrieve("Who is the owner of AF-7?")
    assert "amber falcon" in dict(evidence.other_words)["AF-7"]


async def test_an_unfinished_last_word_is_completed(index: Index) -> None:
    assert (await Retriever(index).search("copper ott"))[0].path == "services/copper-otter.md"


async def test_lines_are_exactly_those_of_the_file(index: Index, root: Path) -> None:
    for passage in await Retriever(index).search("falcon port owner replica", k=20):
        lines = (root / passage.path).read_text(encoding="utf-8").split("\n")
        assert passage.text == "\n".join(lines[passage.start_line - 1 : passage.end_line])


async def test_private_notes_and_local_globs_are_marked(index: Index) -> None:
    retriever = Retriever(index, local_only=("people/**",))
    by_path = {passage.path: passage.privacy for passage in await retriever.search("Ada Quill", k=20)}
    assert by_path["secret/pay.md"] is PrivacyClass.LOCAL_ONLY
    assert by_path["people/ada.md"] is PrivacyClass.LOCAL_ONLY
    assert by_path["teams/kestrel.md"] is PrivacyClass.CLOUD_OK


async def test_a_note_made_private_since_it_was_indexed_stays_at_home(index: Index, root: Path) -> None:
    note = root / "people/ada.md"
    note.write_text("---\namalfa: private\n---\n" + note.read_text(encoding="utf-8"), encoding="utf-8")
    passages = await Retriever(index).search("Ada Quill Lisbon", k=3)
    moved = next(passage for passage in passages if passage.path == "people/ada.md")
    assert moved.privacy is PrivacyClass.LOCAL_ONLY
    assert moved.start_line == 4


async def test_text_that_is_gone_from_its_file_is_not_shown(index: Index, root: Path) -> None:
    (root / "services/amber-falcon.md").write_text("# Amber Falcon\n\nNothing left.\n", encoding="utf-8")
    (root / "log/2024-03-05.md").unlink()
    passages = await Retriever(index).search("Amber Falcon port replica count", k=20)
    assert not {"services/amber-falcon.md", "log/2024-03-05.md"} & {passage.path for passage in passages}


async def test_repeated_texts_are_shown_once_unless_a_number_differs(index: Index, root: Path) -> None:
    copy = (root / "services/copper-otter.md").read_text(encoding="utf-8")
    (root / "copy.md").write_text(copy, encoding="utf-8")
    (root / "other.md").write_text(copy.replace("7,500", "8,500"), encoding="utf-8")
    await index.refresh()
    passages = await Retriever(index).search("Copper Otter budget", k=20)
    texts = [passage.text for passage in passages if "Budget" in passage.text and "Otter" in passage.text]
    assert len(texts) == 2


async def test_a_short_passage_brings_its_neighbour(index: Index, root: Path) -> None:
    long = " ".join(f"Word {number} of a long paragraph." for number in range(50))
    (root / "long.md").write_text(f"# Zebra\n\nThe stripes are black.\n\n{long}\n", encoding="utf-8")
    await index.refresh()
    passage = (await Retriever(index).search("zebra stripes black"))[0]
    assert "stripes" in passage.text
    assert "Word 49" in passage.text
    assert (passage.start_line, passage.end_line) == (1, 5)


async def test_searches_run_while_notes_are_indexed(root: Path, tmp_path: Path) -> None:
    for number in range(300):
        (root / f"bulk-{number}.md").write_text(f"# Bulk {number}\n\n" + "Some words here. " * 40, encoding="utf-8")
    index = Index(Index.open_database(tmp_path / "other" / "index.db"), Sources(root))
    retriever = Retriever(index)
    seen: list[int] = []

    async def search(scope: anyio.CancelScope) -> None:
        with scope:
            while True:
                evidence = await retriever.retrieve("bulk words")
                seen.append(evidence.searched)

    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()
        group.start_soon(search, scope)
        await index.refresh()
        scope.cancel()
    assert len(set(seen)) > 2
    await index.database.aclose()


# A word's place in this list stands for its meaning: synonyms share one.
MEANINGS = (("okapi", "stripes"), ("falcon", "8443"), ("quill", "lisbon"))


def embedder(asked: list[str], *, is_local: bool = True, fingerprint: str = "toy-1") -> Embedder:
    async def embed(texts: list[str]) -> list[list[float]]:
        asked.extend(texts)
        return [[float(any(word in text.lower() for word in words)) for words in MEANINGS] + [0.01] for text in texts]

    return Embedder(embed, fingerprint, is_local)


async def test_vectors_find_what_is_said_in_other_words(index: Index, root: Path) -> None:
    (root / "zoo.md").write_text("# Zoo\n\nThe stripes are in bay 3.\n", encoding="utf-8")
    await index.refresh()
    question = "Where does the okapi sleep?"
    assert not holds((await Retriever(index).search(question)), "zoo.md", "bay 3")
    retriever = Retriever(index, embedder=embedder([]))
    assert retriever.vectors is not None
    await retriever.vectors.fill()
    assert holds((await retriever.search(question))[:1], "zoo.md", "bay 3")


async def test_unchanged_text_is_embedded_once_and_a_new_model_embeds_all(index: Index, root: Path) -> None:
    asked: list[str] = []
    retriever = Retriever(index, embedder=embedder(asked))
    assert retriever.vectors is not None
    first = await retriever.vectors.fill()
    assert first == len(asked) > 0
    (root / "log/2024-07-01.md").rename(root / "log/moved.md")
    note = root / "people/boris.md"
    note.write_text(note.read_text(encoding="utf-8").replace("Graz", "Porto"), encoding="utf-8")
    await index.refresh()
    asked.clear()
    assert await retriever.vectors.fill() == len(asked) == 1
    assert "Porto" in asked[0]
    other = Retriever(index, embedder=embedder(asked, fingerprint="toy-2"))
    assert other.vectors is not None
    assert await other.vectors.fill() == first
    models = await index.database.read(lambda c: c.execute("SELECT DISTINCT model FROM vector").fetchall())
    assert models == [("toy-2",)]


async def test_private_text_is_not_given_to_an_embedder_elsewhere(index: Index) -> None:
    asked: list[str] = []
    retriever = Retriever(index, local_only=("people/**",), embedder=embedder(asked, is_local=False))
    assert retriever.vectors is not None
    await retriever.vectors.fill()
    assert asked
    assert not any("90,000" in text or "Lisbon" in text for text in asked)


async def test_without_its_embedder_the_search_goes_on_by_words(index: Index) -> None:
    async def refuse(texts: list[str]) -> list[list[float]]:
        raise ConnectFailed("nobody is there")

    retriever = Retriever(index, embedder=Embedder(refuse, "gone", is_local=True))
    evidence = await retriever.retrieve("Which port does Amber Falcon use?")
    assert evidence.is_sufficient


async def test_no_question_makes_the_search_fail(index: Index) -> None:
    pieces = ['"', "'", "*", "^", ":", "(", ")", "NEAR(", "AND", "OR", "NOT", "-", "\0", "\ud800", "😀", "猫", "Amber"]
    chance = random.Random(5)
    retriever = Retriever(index)
    for _ in range(300):
        await retriever.retrieve("".join(chance.choice(pieces) + chance.choice(["", " "]) for _ in range(8)))
