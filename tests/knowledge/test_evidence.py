"""What counts as evidence: numbers that count the thing asked for, headings, days in journals, sections of others."""

from pathlib import Path

import pytest

from amalfa.knowledge.index import Index
from amalfa.knowledge.retrieve import Evidence, Retriever
from amalfa.knowledge.sources import Sources

pytestmark = pytest.mark.anyio

REMARK = "The people downstairs found two typing errors in the page on budgets."
SITES = ("Graz", "Turin", "Porto", "Leeds")


async def ask(tmp_path: Path, notes: dict[str, str], question: str) -> Evidence:
    root = tmp_path / "notes"
    for path, text in notes.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    database = Index.open_database(tmp_path / "index.db")
    try:
        index = Index(database, Sources(root))
        await index.refresh()
        return await Retriever(index).retrieve(question)
    finally:
        database.close()


@pytest.mark.parametrize(
    ("line", "is_enough"),
    [
        (REMARK, False),
        ("12 people work on it.", True),
        ("- People: 12", True),
        ("Of all people the newest three are kept on.", True),
        ("There are eight unpaid people on it.", True),
        ("People like the page 12 months after.", False),
    ],
)
async def test_how_many_takes_a_number_that_counts_the_thing(tmp_path: Path, line: str, is_enough: bool) -> None:
    notes = {"projects/finch.md": f"# Project Finch\n\n{line}\n", "projects/owl.md": "# Project Owl\n\nIt is due.\n"}
    found = await ask(tmp_path, notes, "How many people are on Project Finch?")
    assert found.is_sufficient is is_enough


async def test_a_number_below_a_heading_counts_what_the_heading_names(tmp_path: Path) -> None:
    notes = {"desks.md": "# Porto\n\n## Screens\n\nEach desk may have three of them.\n"}
    assert (await ask(tmp_path, notes, "How many displays may a desk in Porto have?")).is_sufficient


async def test_a_day_among_others_in_a_journal_is_found(tmp_path: Path) -> None:
    days = [f"### 2024-{month:02}-{day:02}\n\nToday I oiled the saw." for month in range(1, 13) for day in range(1, 29)]
    text = "\n\n".join(days).replace(
        "### 2024-05-12\n\nToday I oiled the saw.", "### 2024-05-12\n\nToday I fixed a winch."
    )
    notes = {"journal/workshop.md": f"# Workshop journal\n\n{text}\n"}
    found = await ask(tmp_path, notes, "What did I do on 12 May 2024 according to the workshop journal?")
    assert found.is_sufficient
    assert "winch" in found.passages[0].text


async def test_a_heading_that_is_the_question_puts_its_passage_first(tmp_path: Path) -> None:
    others = {f"note{number}.md": f"# Guide {number}\n\nHeron heron heron does {number}.\n" for number in range(20)}
    notes = {**others, "manual.md": "# Manual\n\n## What heron is\n\nA bird of the marsh.\n"}
    found = await ask(tmp_path, notes, "What is heron?")
    assert found.passages[0].path == "manual.md"


async def test_any_thing_of_a_kind_is_not_taken_for_the_note_of_that_name(tmp_path: Path) -> None:
    notes = {
        "projects/hawk.md": "---\naliases: [umbrella]\n---\n# Copper Hawk\n\nIt is due.\n",
        "handbook/ghent.md": "# Ghent\n\n## Lost property\n\nThe front desk holds a forgotten umbrella 20 weeks.\n",
    }
    found = await ask(tmp_path, notes, "How long does the front desk in Ghent hold a forgotten umbrella?")
    assert found.is_sufficient
    assert found.passages[0].path == "handbook/ghent.md"


async def test_a_name_is_found_without_the_letters_that_few_keyboards_have(tmp_path: Path) -> None:
    notes = {"people/soren.md": "# Søren Weiß\n\n- Extension: 4660\n"}
    assert (await ask(tmp_path, notes, "What is the extension of Soren Weiss?")).is_sufficient


def _pages(sites: tuple[str, ...], topic: str, section: str) -> dict[str, str]:
    return {f"handbook/{site}/{topic}.md": f"# {topic} in {site}\n\n{section}\n" for site in sites}


CLIENTS = "## Guests\n\nFeeding a customer at lunch is covered up to 80 EUR."
COURSES = "## Courses\n\nEveryone may spend 500 EUR a year on training."


@pytest.mark.parametrize(("with_page", "is_enough"), [(SITES[1:], False), (SITES, True)])
async def test_a_section_that_only_other_sites_have_means_a_refusal(
    tmp_path: Path, with_page: tuple[str, ...], is_enough: bool
) -> None:
    notes = {**_pages(SITES, "Learning", COURSES), **_pages(with_page, "Meals", CLIENTS)}
    found = await ask(tmp_path, notes, "What is the utmost Graz will spend on feeding clientele and customers?")
    assert found.is_sufficient is is_enough


DESK = {
    "people/ada.md": "# Ada Blum\n\nAda carries badge 45-3001.\n\nAda lives in Porto.\n",
    "people/ben.md": "# Ben Roth\n\nBen parks in bay B12.\n\nBen lives in Graz.\n",
    "projects/finch.md": "# Project Finch\n\nThe lead of Project Finch is [[Ada Blum]].\n\nThe budget is 400 EUR.\n",
    "faults/f-4711.md": "# Fault F-4711\n\nThe belt is worn.\n",
    "minutes/one.md": "---\ndate: 2024-05-14\n---\n# Project Finch: meeting on 2024-05-14\n\n- Ask for a quote.\n",
}


@pytest.mark.parametrize(
    ("question", "is_enough"),
    [
        pytest.param("I found 45-3001 beneath the stairs. Whose is it?", True, id="a code is looked up"),
        pytest.param("I found 45-3009 beneath the stairs. Whose is it?", False, id="a code that no note has"),
        pytest.param("The alarm rang over lunch and the budget came up. Where does Ada live?", True, id="a scene"),
        pytest.param("The alarm rang over lunch. Where does Ada Blum park?", False, id="a scene does not stand in"),
        pytest.param("What's Ada Blum's badge number?", True, id="a contraction and a possessive"),
        pytest.param("What came up when we met for Project Finch on 14 May 2024?", True, id="minutes of that day"),
        pytest.param("What came up when we met for Project Finch on 15 May 2024?", False, id="no minutes of that day"),
        pytest.param("Where does whoever is behind Project Finch live?", True, id="somebody only described"),
        pytest.param("What is the mascot of Project Finch?", False, id="a lone word that no note has"),
        pytest.param("Which bay does Ada Blum have?", False, id="a word that other notes have"),
    ],
)
async def test_people_may_ask_as_they_talk(tmp_path: Path, question: str, is_enough: bool) -> None:
    found = await ask(tmp_path, DESK, question)
    assert found.is_sufficient is is_enough, found.reason
