"""Replaces a file in one step: whoever reads it finds the old text or the new one, never a part."""

import os
import secrets
from pathlib import Path


def save_file(path: Path, data: bytes, *, mode: int) -> None:
    """Put `data` at `path` with exactly `mode`; on return it is on disk. A link at `path` would be replaced.

    Raises OSError; the old file is then as it was.
    """
    beside = path.with_name(f".{path.name[:64]}.{secrets.token_hex(6)}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
