import os
from pathlib import Path

import pytest

from amalfa.daemon.token import token_at
from amalfa.errors import AmalfaError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "http.token"


def test_a_token_is_made_once_and_kept_private(path: Path) -> None:
    token = token_at(path)
    assert len(token) >= 40
    assert path.stat().st_mode & 0o777 == 0o600
    assert token_at(path) == token
    path.unlink()
    assert token_at(path) != token


@pytest.mark.parametrize("spoil", ["open", "empty", "short", "link", "folder", "pipe"])
def test_a_file_that_is_no_private_secret_is_refused(path: Path, spoil: str) -> None:
    """H4"""
    match spoil:
        case "open":
            token_at(path)
            path.chmod(0o644)
        case "empty" | "short":
            path.write_text("" if spoil == "empty" else "abc")
            path.chmod(0o600)
        case "link":
            token_at(path.with_name("victim"))
            path.symlink_to("victim")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path, 0o600)
    with pytest.raises(AmalfaError, match=str(path)) as caught:
        token_at(path)
    assert caught.value.hint == f"rm {path}"
