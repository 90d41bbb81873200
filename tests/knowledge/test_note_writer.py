"""A description is written into a note on disk in one step, or the note is left alone with a reason."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from amalfa.knowledge.front_matter_write import without_block
from amalfa.knowledge.note_writer import NotWritten, Written, describe_in_note, hash_of, write_note

OUTPUT = {"summary": "About it."}
NOTE = b"\xef\xbb\xbf---\r\ntitle: A\r\n---\r\nbody"


def always(_: str) -> bool:
    return True


def describe(root: Path, path: str = "a.md", is_described: Callable[[str], bool] = always) -> Written:
    return describe_in_note(root, path, OUTPUT, is_described)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "a.md"
    path.write_bytes(NOTE)
    path.chmod(0o640)
    return path


def test_the_rest_of_the_file_and_its_mode_are_kept(note: Path) -> None:
    assert describe(note.parent) == Written("a.md", "written")
    assert note.stat().st_mode & 0o7777 == 0o640
    text = note.read_bytes().decode()
    assert "About it." in text
    assert without_block(text) == NOTE.decode()
    assert list(note.parent.iterdir()) == [note]


def test_a_second_time_touches_nothing(note: Path) -> None:
    describe(note.parent)
    before = note.stat()
    assert describe(note.parent) == Written("a.md", "unchanged")
    assert (note.stat().st_mtime_ns, note.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_the_text_is_compared_as_tasks_read_it(note: Path) -> None:
    seen: list[str] = []

    def is_described(text: str) -> bool:
        seen.append(text)
        return False

    describe(note.parent, is_described=is_described)
    assert seen == ["---\ntitle: A\n---\nbody"]


def test_a_note_that_changed_since_is_left_alone(note: Path) -> None:
    found = describe(note.parent, is_described=lambda _: False)
    assert (found.outcome, found.reason) == ("left_alone", "it changed since it was described")
    assert note.read_bytes() == NOTE


def test_a_change_in_the_last_moment_is_not_overwritten(note: Path) -> None:
    with pytest.raises(NotWritten, match="changed while"):
        write_note(note.parent, "a.md", hash_of(b"older"), "new")
    assert note.read_bytes() == NOTE


def _link(note: Path) -> str:
    (note.parent / "b.md").symlink_to(note)
    return "through a link"


def _link_folder(note: Path) -> str:
    (note.parent / "real").mkdir()
    (note.parent / "real" / "c.md").write_bytes(NOTE)
    (note.parent / "folder").symlink_to(note.parent / "real")
    return "through a link"


def _second_name(note: Path) -> str:
    os.link(note, note.parent / "b.md")
    return "hard link"


def _read_only(note: Path) -> str:
    (note.parent / "b.md").write_bytes(NOTE)
    (note.parent / "b.md").chmod(0o444)
    return "read-only"


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (_link, "b.md"),
        (_link_folder, "folder/c.md"),
        (_second_name, "b.md"),
        (_read_only, "b.md"),
        (lambda _: "does not exist", "none.md"),
        (lambda _: "outside", "../a.md"),
    ],
)
def test_what_may_not_be_written_is_said(note: Path, make: Callable[[Path], str], path: str) -> None:
    reason = make(note)
    found = describe(note.parent, path)
    assert found.outcome == "left_alone"
    assert reason in found.reason
    assert note.read_bytes() == NOTE


def test_a_full_disk_leaves_the_old_note(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("amalfa.files.os.fsync", refuse)
    assert "No space left" in describe(note.parent).reason
    assert note.read_bytes() == NOTE
    assert list(note.parent.iterdir()) == [note]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_is_kept_when_root_writes(note: Path) -> None:
    os.chown(note, 1234, 4321)
    assert describe(note.parent).outcome == "written"
    assert (note.stat().st_uid, note.stat().st_gid) == (1234, 4321)
