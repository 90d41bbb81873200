import stat
from pathlib import Path

import pytest

from amalfa.config.saving import save_file


def test_the_file_is_replaced_whole_with_the_mode_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    with path.open() as reader:
        save_file(path, b"new", mode=0o640)
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_nothing_is_left_behind_when_it_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x").touch()
    with pytest.raises(OSError, match="directory"):
        save_file(tmp_path / "f", b"new", mode=0o600)
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]
