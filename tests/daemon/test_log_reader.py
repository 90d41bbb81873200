import threading
from pathlib import Path

import pytest

from amalfa.daemon import log_reader
from amalfa.daemon.log import LogFile
from amalfa.daemon.log_reader import follow, read_from, readable, size_of, tail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sonar.log"


def test_no_log_has_no_lines(path: Path) -> None:
    assert tail(path, 10) == []
    assert (size_of(path), read_from(path, 0)) == (0, "")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 99])
def test_the_last_lines_come_oldest_first(path: Path, count: int) -> None:
    path.write_text("a\nb\nc\n")
    assert tail(path, count) == ["a", "b", "c"][3 - min(count, 3) :]


def test_lines_go_back_into_rotated_files(path: Path) -> None:
    path.with_name("sonar.log.2").write_text("1\n2\n")
    path.with_name("sonar.log.1").write_text("3\n4\n")
    path.write_text("5\n")
    assert tail(path, 4) == ["2", "3", "4", "5"]
    assert tail(path, 100) == ["1", "2", "3", "4", "5"]


def test_long_lines_are_found_from_the_end(path: Path) -> None:
    lines = ["x" * 100_000 + str(number) for number in range(5)]
    path.write_text("\n".join(lines) + "\n")
    assert tail(path, 2) == lines[-2:]


def test_following_sees_every_line_once_across_rotations(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lifecycle 56"""
    monkeypatch.setattr("amalfa.daemon.log.MAX_FILE_BYTES", 2000)
    monkeypatch.setattr(log_reader, "FOLLOW_EVERY_S", 0.001)
    file = LogFile(path)
    file.write(b"old\n")
    lines = follow(path, 1)
    assert next(lines) == "old"
    pause = threading.Event()

    def write() -> None:
        for number in range(300):
            file.write(b"line %04d \xc3\xa4\n" % number)
            pause.wait(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    seen = [next(lines) for _ in range(300)]
    writer.join()
    file.close()
    lines.close()  # type: ignore[attr-defined]  # a generator
    assert seen == [f"line {number:04d} ä" for number in range(300)]


def test_a_log_that_appears_later_is_followed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "FOLLOW_EVERY_S", 0.001)
    lines = follow(path, 10)
    timer = threading.Timer(0.05, path.write_text, ["first\n"])
    timer.start()
    assert next(lines) == "first"
    timer.join()
    lines.close()  # type: ignore[attr-defined]  # a generator


def test_events_are_readable_and_other_lines_stay() -> None:
    line = '{"at": "T", "level": "info", "logger": "x", "event": "asked", "model": "m"}'
    assert readable(line) == "T info     asked model=m"
    assert readable("Fatal Python error") == "Fatal Python error"
