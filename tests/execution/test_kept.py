"""Replies nobody could read are kept in private, few of them, and not for long."""

import os
import time
from pathlib import Path

from amalfa.execution.kept import KEPT_MAX, KEPT_S, REPLY_MAX_BYTES, KeptReplies


def test_a_reply_is_kept_where_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = KeptReplies(tmp_path / "replies").keep("req_1", "nonsense")
    assert path is not None
    assert path.read_text() == "nonsense"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_no_more_are_kept_than_fit(tmp_path: Path) -> None:
    kept = KeptReplies(tmp_path)
    for number in range(KEPT_MAX + 10):
        kept.keep(f"req_{number}", "x")
    assert len(list(tmp_path.iterdir())) == KEPT_MAX


def test_old_ones_go_with_the_next_new_one(tmp_path: Path) -> None:
    kept = KeptReplies(tmp_path)
    old = kept.keep("req_old", "x")
    assert old is not None
    long_ago_s = time.time() - KEPT_S - 60
    os.utime(old, (long_ago_s, long_ago_s))
    kept.keep("req_new", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["req_new.txt"]


def test_an_endless_reply_is_kept_in_part(tmp_path: Path) -> None:
    path = KeptReplies(tmp_path).keep("req_1", "x" * (REPLY_MAX_BYTES * 2))
    assert path is not None
    assert path.stat().st_size == REPLY_MAX_BYTES


def test_half_a_surrogate_pair_does_not_keep_it_from_being_kept(tmp_path: Path) -> None:
    assert KeptReplies(tmp_path).keep("req_1", "a\ud800b") is not None


def test_a_folder_that_cannot_be_written_fails_no_call(tmp_path: Path) -> None:
    (tmp_path / "replies").write_text("a file in its place")
    assert KeptReplies(tmp_path / "replies").keep("req_1", "x") is None


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("intact")
    folder = tmp_path / "replies"
    folder.mkdir()
    (folder / "req_1.txt").symlink_to(victim)
    assert KeptReplies(folder).keep("req_1", "x") is None
    assert victim.read_text() == "intact"
