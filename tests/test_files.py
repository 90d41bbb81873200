"""A replaced file is the old one or the new one, never half of either."""

import os
from pathlib import Path

import pytest

from amalfa.files import write_atomically


def test_the_new_content_and_mode_are_in_place_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "note.md"
    path.write_text("old")
    previous = os.umask(0o000)
    try:
        write_atomically(path, b"new")
        write_atomically(tmp_path / "shared.md", b"new", mode=0o644)
    finally:
        os.umask(previous)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "shared.md").stat().st_mode & 0o777 == 0o644


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "note.md").symlink_to(tmp_path / "victim")
    write_atomically(tmp_path / "note.md", b"new")
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (tmp_path / "note.md").is_symlink()


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "note.md"
    path.write_text("old")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("amalfa.files.os.fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["note.md"]


def test_a_long_name_fits(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_whoever_reads_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "note.md"
    path.write_text("old")
    with path.open() as reader:
        write_atomically(path, b"new")
        assert reader.read() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["note.md"]


def test_a_folder_in_the_way_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x").touch()
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "f", b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]
