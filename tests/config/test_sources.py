import os
from pathlib import Path

import pytest

from amalfa.config.sources import MAX_BYTES, read_file


def test_a_file_is_read_with_its_mode_and_a_digest_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("größe")
    path.chmod(0o640)
    first = read_file(path)
    assert (first.text, first.mode & 0o777, first.problem, first.is_readable_by_others) == ("größe", 0o640, None, True)
    path.write_text("other")
    assert read_file(path).digest != first.digest


@pytest.mark.parametrize("name", ["missing", "file/below"])
def test_an_absent_file_has_no_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    found = read_file(tmp_path / name)
    assert found.is_absent
    assert found.problem is None


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    messages = [
        getattr(read_file(path).problem, "message", "") for path in (tmp_path, tmp_path / "pipe", tmp_path / "loop")
    ]
    assert messages[:2] == ["is a folder", "is not a regular file"]
    assert messages[2].startswith("cannot be read")


def test_the_size_is_limited_to_a_mebibyte(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b" " * MAX_BYTES)
    assert read_file(path).text is not None
    path.write_bytes(b" " * (MAX_BYTES + 1))
    assert str(read_file(path).problem) == f"{path}: is larger than 1024 KiB"


def test_bytes_that_are_not_utf_8_are_a_problem_at_their_line(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"{\n\xff}")
    assert str(read_file(path).problem) == f"{path}:2: holds bytes that are not UTF-8"


def test_a_device_is_not_read() -> None:
    assert str(read_file(Path("/dev/zero")).problem) == "/dev/zero: is not a regular file"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_a_file_that_fails_while_being_read_is_a_problem() -> None:
    assert "cannot be read" in str(read_file(Path("/proc/self/mem")).problem)
