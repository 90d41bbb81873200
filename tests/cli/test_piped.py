import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from amalfa.cli import piped
from amalfa.cli.piped import MAX_BYTES, read_all, read_offered
from amalfa.errors import TooLarge, UsageProblem


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_an_idle_pipe_is_left_out_soon(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piped, "FIRST_DATA_S", 0.01)
    offered = read_offered(pipe[0])
    assert (offered.text, offered.is_ignored) == ("", True)


def test_an_empty_pipe_is_no_context_and_no_complaint(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    offered = read_offered(pipe[0])
    assert (offered.text, offered.is_ignored, offered.is_cut_short) == ("", False, False)


def test_a_pipe_with_text_is_read_to_its_end(pipe: tuple[int, int]) -> None:
    def write() -> None:
        for _ in range(40):
            os.write(pipe[1], b"x" * 4096)
        os.close(pipe[1])

    writer = threading.Thread(target=write)
    writer.start()
    assert len(read_offered(pipe[0]).text) == 40 * 4096
    writer.join()


def test_a_pipe_that_goes_quiet_gives_what_came(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piped, "QUIET_S", 0.01)
    os.write(pipe[1], b"half")
    offered = read_offered(pipe[0])
    assert (offered.text, offered.is_cut_short) == ("half", True)


def test_a_file_is_read_and_devices_are_not(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_bytes(b"caf\xc3\xa9 \xff")
    with file.open("rb") as opened:
        assert read_offered(opened.fileno()).text == "café �"
    with Path(os.devnull).open("rb") as nothing:
        assert read_offered(nothing.fileno()).text == ""


def test_a_closed_standard_input_is_no_context() -> None:
    assert read_offered(999).text == ""


def test_too_much_is_refused_without_reading_on(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(10 * MAX_BYTES)
    with (tmp_path / "big").open("rb") as file, pytest.raises(TooLarge):
        read_all(file.fileno())


def test_binary_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"\x7fELF\0")
    with (tmp_path / "b").open("rb") as file, pytest.raises(UsageProblem, match="binary"):
        read_all(file.fileno())
