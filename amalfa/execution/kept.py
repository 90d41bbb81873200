"""Keeps replies that nobody could read, for the person who wants to know why: private, few, and not for long."""

import contextlib
import os
import time
from pathlib import Path
from typing import Protocol

REPLY_MAX_BYTES = 256 << 10
KEPT_MAX = 50
KEPT_S = 7 * 86_400.0


class Keeps(Protocol):
    """Where unreadable replies are kept."""

    def keep(self, request_id: str, text: str) -> Path | None:
        """Write one down; blocks. None when it could not be written, which is no reason to fail a call."""
        ...


class KeptReplies:
    """Files in one private folder, which need not exist. At most `KEPT_MAX`, none older than `KEPT_S`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, request_id: str, text: str) -> Path | None:
        path = self._folder / f"{request_id}.txt"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._prune()
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8", "replace")[:REPLY_MAX_BYTES])
        except OSError:
            return None
        return path

    def _prune(self) -> None:
        kept = sorted(self._folder.glob("*.txt"), key=lambda path: path.stat().st_mtime, reverse=True)
        oldest_s = time.time() - KEPT_S
        for place, path in enumerate(kept):
            if place >= KEPT_MAX - 1 or path.stat().st_mtime < oldest_s:
                with contextlib.suppress(OSError):
                    path.unlink()
