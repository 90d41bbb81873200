import os
from pathlib import Path

import pytest

from amalfa.daemon.state import PROTOCOL, State, read_state, remove_state, write_state
from amalfa.server import engine

STATE = State(
    pid=4711,
    start_time="12345",
    boot_id="b",
    nonce="n",
    version="0.1.0",
    protocol=1,
    socket="/tmp/s.sock",
    root="/notes",
    config="/notes/amalfa.config.json",
    started_at="2025-01-01T00:00:00+00:00",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sonar.json"


def test_what_was_written_is_read_back(path: Path) -> None:
    write_state(path, STATE)
    assert read_state(path) == STATE
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x"}', "[" * 100_000, "\0"])
def test_what_is_no_state_reads_as_none(path: Path, text: str) -> None:
    path.write_text(text)
    assert read_state(path) is None


def test_no_file_a_folder_a_link_or_a_pipe_reads_as_none(path: Path) -> None:
    assert read_state(path) is None
    path.mkdir()
    assert read_state(path) is None
    path.rmdir()
    elsewhere = path.with_name("elsewhere.json")
    write_state(elsewhere, STATE)
    path.symlink_to(elsewhere)
    assert read_state(path) is None
    path.unlink()
    os.mkfifo(path)
    assert read_state(path) is None


def test_a_link_is_replaced_and_its_target_left_alone(path: Path) -> None:
    """H4"""
    victim = path.with_name("victim")
    victim.write_text("precious")
    path.symlink_to(victim)
    write_state(path, STATE)
    assert victim.read_text() == "precious"
    assert read_state(path) == STATE


def test_only_the_process_that_wrote_it_removes_it(path: Path) -> None:
    write_state(path, STATE)
    remove_state(path, "another nonce")
    assert path.exists()
    remove_state(path, STATE.nonce)
    assert not path.exists()
    remove_state(path, STATE.nonce)


def test_both_ends_mean_the_same_protocol() -> None:
    assert PROTOCOL == engine.PROTOCOL
