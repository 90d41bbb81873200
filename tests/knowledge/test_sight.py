"""A search without private notes: they are neither found, nor named, nor counted."""

from collections.abc import Sequence

import pytest

from amalfa.calls import PrivacyClass
from amalfa.knowledge.index import Index
from amalfa.knowledge.retrieve import Evidence, Retriever
from tests.knowledge.conftest import OpenIndex, Vault

pytestmark = pytest.mark.anyio

PRIVATE = "---\namalfa: private\naliases: [Blue Heron]\n---\n# Safe\n\nThe combination of the safe is 4711.\n"
OPEN = "# House\n\nThe house has a garden, and a safe stands in the hall.\n"


async def retriever(vault: Vault, index: Index, local_only: Sequence[str] = ("vault/**",)) -> Retriever:
    vault.write("secret.md", PRIVATE)
    vault.write("vault/codes.md", "# Codes\n\nThe gate code of the garden is 0815.\n")
    vault.write("house.md", OPEN)
    await index.refresh()
    return Retriever(index, local_only=local_only)


def paths(evidence: Evidence) -> set[str]:
    return {passage.path for passage in evidence.passages} | {path for path, _ in evidence.nearest}


@pytest.mark.parametrize("question", ["What is the combination of the safe?", "What is the gate code of the garden?"])
async def test_a_private_note_is_neither_shown_nor_named(vault: Vault, index: Index, question: str) -> None:
    notes = await retriever(vault, index)
    assert paths(await notes.retrieve(question)) > {"house.md"}
    hidden = await notes.retrieve(question, without_private=True)
    assert paths(hidden) == {"house.md"}
    assert hidden.searched == 1


async def test_a_name_that_only_a_private_note_has_is_unknown(vault: Vault, index: Index) -> None:
    notes = await retriever(vault, index)
    question = "What is the combination of Blue Heron?"
    assert (await notes.retrieve(question)).is_sufficient
    hidden = await notes.retrieve(question, without_private=True)
    assert hidden.reason == "No note mentions “Blue Heron”."
    assert "blue heron" not in str(hidden.other_words).lower()
    assert paths(hidden) <= {"house.md"}


async def test_the_verdict_is_that_of_a_collection_without_the_private_notes(
    vault: Vault, index: Index, open_index: OpenIndex
) -> None:
    notes = await retriever(vault, index)
    questions = (
        "Where does the safe stand?",
        "What is the combination of the safe?",
        "Who is Blue Heron?",
        "gate code",
    )
    with_hidden = [await notes.retrieve(question, without_private=True) for question in questions]
    (vault.root / "secret.md").unlink()
    (vault.root / "vault/codes.md").unlink()
    await index.refresh()
    without = [await notes.retrieve(question) for question in questions]
    for one, other in zip(with_hidden, without, strict=True):
        assert (one.is_sufficient, one.reason, one.nearest) == (other.is_sufficient, other.reason, other.nearest)
        assert [p.path for p in one.passages] == [p.path for p in other.passages]


async def test_a_note_that_became_private_since_it_was_indexed_is_hidden_at_once(vault: Vault, index: Index) -> None:
    notes = await retriever(vault, index)
    assert [p.path for p in await notes.search("safe hall", without_private=True)] == ["house.md"]
    vault.write("house.md", f"---\namalfa: private\n---\n{OPEN}")
    assert await notes.search("safe hall", without_private=True) == ()
    assert paths(await notes.retrieve("Where does the safe stand?", without_private=True)) == set()
    assert {p.privacy for p in await notes.search("safe hall")} == {PrivacyClass.LOCAL_ONLY}


async def test_within_a_folder_only_its_open_notes_are_looked_at(vault: Vault, index: Index) -> None:
    notes = await retriever(vault, index)
    hidden = await notes.retrieve("gate code", within=["vault/**"], without_private=True)
    assert (hidden.passages, hidden.searched) == ((), 0)
