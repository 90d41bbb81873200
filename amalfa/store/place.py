"""What the threads of one database know together: whether its files are still where they were, and are sound."""

import os
from pathlib import Path

from amalfa.store.opening import JOURNAL_LIMIT_BYTES


class Place:
    """The file at `path` and its log, by inode. Made right after the file was opened.

    `openings` counts how often the log was begun anew, and connections from before that are of no use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.openings = 0
        self.is_sound = True
        self._inode = _inode(path)
        self._log_inode = 0
        self.take_log()

    @property
    def is_kept(self) -> bool:
        """Whether the name still leads to the file that was opened. SQLite itself would not notice."""
        return self._inode != 0 and _inode(self.path) == self._inode

    @property
    def is_log_kept(self) -> bool:
        return _inode(self._log) == self._log_inode

    @property
    def has_long_log(self) -> bool:
        """Whether the log is longer than it can get unless somebody's reading keeps it from being folded."""
        try:
            return self._log.stat().st_size > JOURNAL_LIMIT_BYTES
        except OSError:
            return False

    def take_log(self) -> None:
        """Remember the log that stands there now."""
        self.openings += 1
        self._log_inode = _inode(self._log)

    @property
    def _log(self) -> Path:
        return Path(f"{self.path}-wal")


def _inode(path: Path) -> int:
    """The inode, 0 without one."""
    try:
        return os.lstat(path).st_ino
    except OSError:
        return 0
