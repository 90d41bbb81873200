"""Passages from the index held against the files as they are now: shown as they stand, or not at all."""

from pathlib import Path

import pytest

from amalfa.calls import Passage, PrivacyClass
from amalfa.knowledge.candidates import Candidate
from amalfa.knowledge.files import NoteFiles
from amalfa.knowledge.fresh import WIDE_MAX_CHARACTERS, FreshReader
from amalfa.knowledge.globs import matches_anywhere
from tests.knowledge.conftest import Vault

KETTLE = "# Kettle\n\nIt boils water.\n\n## Care\n\nDescale it.\n"


def stored(
    text: str, start_line: int, *, path: str = "kettle.md", is_private: bool = False, heading: str = "Kettle"
) -> Candidate:
    return Candidate(
        id=1,
        note_id=1,
        path=path,
        title="The Kettle",
        aliases="",
        tags="",
        date="",
        is_private=is_private,
        start_line=start_line,
        end_line=start_line + text.count("\n"),
        heading=heading,
        text=text,
    )


BOILS = stored("# Kettle\n\nIt boils water.", 1)
CARE = stored("## Care\n\nDescale it.", 5, heading="Kettle > Care")


def shown(
    vault: Vault, candidate: Candidate, neighbour: Candidate | None = None, *, local_only: tuple[str, ...] = ()
) -> Passage | None:
    return FreshReader(NoteFiles(vault.root), matches_anywhere(local_only)).passage(candidate, 1.23456, neighbour)


def place(passage: Passage | None) -> str:
    return passage.place if passage else "gone"


def test_a_passage_that_still_stands_is_shown_as_it_stands(vault: Vault) -> None:
    vault.write("kettle.md", KETTLE)
    assert shown(vault, CARE) == Passage(
        path="kettle.md",
        start_line=5,
        end_line=7,
        heading="Kettle > Care",
        text="## Care\n\nDescale it.",
        score=1.2346,
        title="The Kettle",
        privacy=PrivacyClass.CLOUD_OK,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"one\ntwo\n{KETTLE}", "kettle.md:7-9", id="moved down"),
        pytest.param("## Care\n\nDescale it.", "kettle.md:1-3", id="moved up"),
        pytest.param(f"---\ntitle: T\n---\n{KETTLE}", "kettle.md:8-10", id="behind new front matter"),
        pytest.param(KETTLE.replace("\n", "\r\n"), "kettle.md:5-7", id="with other line ends"),
        pytest.param(KETTLE.replace("Descale", "Never descale"), "gone", id="changed"),
        pytest.param(KETTLE.replace("Descale it.", "Descale it.  "), "gone", id="changed by a space"),
        pytest.param(KETTLE.replace("## Care\n\n", "## Care\n\nnew\n\n"), "gone", id="parted"),
        pytest.param("", "gone", id="emptied"),
        pytest.param("## Care\n\nDescale it", "gone", id="cut short"),
    ],
)
def test_lines_that_moved_are_followed_and_lines_that_changed_are_not_shown(
    vault: Vault, text: str, expected: str
) -> None:
    vault.write("kettle.md", text)
    assert place(shown(vault, CARE)) == expected


def test_of_several_places_the_nearest_is_taken(vault: Vault) -> None:
    care = "## Care\n\nDescale it.\n\n"
    vault.write("kettle.md", f"{care}x\n{care}x\n{care}")
    assert place(shown(vault, stored("## Care\n\nDescale it.", 7))) == "kettle.md:6-8"
    assert place(shown(vault, stored("## Care\n\nDescale it.", 100))) == "kettle.md:11-13"


@pytest.mark.parametrize(
    "becomes", ["removed", "binary", "too large", "a link to elsewhere", "a hard link", "a folder"]
)
def test_a_note_that_may_not_be_read_any_more_is_not_shown(vault: Vault, tmp_path: Path, becomes: str) -> None:
    note = vault.write("kettle.md", KETTLE)
    match becomes:
        case "removed":
            note.unlink()
        case "binary":
            note.write_bytes(KETTLE.encode() + b"\0")
        case "too large":
            note.write_text(KETTLE + "x" * 3_000_000)
        case "a link to elsewhere":
            note.rename(tmp_path / "elsewhere.md")
            note.symlink_to(tmp_path / "elsewhere.md")
        case "a hard link":
            (tmp_path / "second.md").hardlink_to(note)
        case "a folder":
            note.unlink()
            note.mkdir()
    assert shown(vault, CARE) is None


def test_a_neighbour_that_still_adjoins_is_taken_in(vault: Vault) -> None:
    vault.write("kettle.md", KETTLE)
    assert place(shown(vault, CARE, BOILS)) == "kettle.md:1-7"
    assert place(shown(vault, BOILS, CARE)) == "kettle.md:1-7"
    passage = shown(vault, BOILS, CARE)
    assert passage is not None
    assert passage.text == KETTLE.rstrip()


def test_a_neighbour_that_moved_along_is_found_beside_the_passage(vault: Vault) -> None:
    vault.write("kettle.md", f"intro\n\n{KETTLE}")
    assert place(shown(vault, BOILS, CARE)) == "kettle.md:3-9"
    # The neighbour's text stands at its old place as well, where somebody copied it.
    vault.write("kettle.md", f"intro\n\nmore\n\n{CARE.text}\n\n{KETTLE}")
    assert place(shown(vault, BOILS, CARE)) == "kettle.md:9-15"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(KETTLE.replace("## Care", "between\n\n## Care"), id="something came between"),
        pytest.param(KETTLE.replace("Descale", "Clean"), id="the neighbour changed"),
    ],
)
def test_a_neighbour_that_does_not_adjoin_is_left_out(vault: Vault, text: str) -> None:
    vault.write("kettle.md", text)
    assert place(shown(vault, BOILS, CARE)) == "kettle.md:1-3"


@pytest.mark.parametrize(("size", "expected"), [(WIDE_MAX_CHARACTERS, "1-3"), (WIDE_MAX_CHARACTERS + 1, "1-1")])
def test_a_neighbour_is_left_out_when_both_together_are_long(vault: Vault, size: int, expected: str) -> None:
    first = "a" * 500
    second = "b" * (size - len(first) - 3)  # three line ends count as well
    vault.write("kettle.md", f"{first}\n\n{second}\n")
    assert place(shown(vault, stored(first, 1), stored(second, 3))) == f"kettle.md:{expected}"


@pytest.mark.parametrize(
    ("text", "candidate", "local_only", "expected"),
    [
        pytest.param(KETTLE, CARE, (), PrivacyClass.CLOUD_OK, id="nothing said"),
        pytest.param(KETTLE, CARE, ("other.md",), PrivacyClass.CLOUD_OK, id="others only"),
        pytest.param(KETTLE, CARE, ("kettle.md",), PrivacyClass.LOCAL_ONLY, id="by the configuration"),
        pytest.param(
            KETTLE,
            stored("## Care\n\nDescale it.", 5, is_private=True),
            (),
            PrivacyClass.LOCAL_ONLY,
            id="when it was indexed",
        ),
        pytest.param(
            f"---\namalfa: private\n---\n{KETTLE}", CARE, (), PrivacyClass.LOCAL_ONLY, id="since it was indexed"
        ),
        pytest.param(
            f"---\namalfa: private\nx: [\n---\n{KETTLE}", CARE, (), PrivacyClass.LOCAL_ONLY, id="in a broken head"
        ),
        pytest.param(f"{KETTLE}\namalfa: private", CARE, (), PrivacyClass.CLOUD_OK, id="only in its text"),
    ],
)
def test_a_passage_is_as_private_as_its_note_was_or_is(
    vault: Vault, text: str, candidate: Candidate, local_only: tuple[str, ...], expected: PrivacyClass
) -> None:
    vault.write("kettle.md", text)
    passage = shown(vault, candidate, local_only=local_only)
    assert passage is not None
    assert passage.privacy is expected


def test_a_link_to_a_local_only_note_does_not_set_it_free(vault: Vault) -> None:
    """The scan lists a file under the first of its names; the rule may speak of the other."""
    vault.write("private/kettle.md", KETTLE)
    (vault.root / "a.md").symlink_to("private/kettle.md")
    passage = shown(vault, stored(CARE.text, 5, path="a.md"), local_only=("private/**",))
    assert passage is not None
    assert passage.privacy is PrivacyClass.LOCAL_ONLY


def test_a_note_is_read_once_for_one_search(vault: Vault) -> None:
    vault.write("kettle.md", KETTLE)
    reader = FreshReader(NoteFiles(vault.root), matches_anywhere(()))
    assert reader.passage(BOILS, 1.0) is not None
    (vault.root / "kettle.md").unlink()
    assert place(reader.passage(CARE, 1.0)) == "kettle.md:5-7"
