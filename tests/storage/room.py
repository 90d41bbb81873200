"""Disks that can be filled, for one sonar: a small one of its own, or a limit on how large its files may get."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

LIMIT_BYTES = 4096


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a disk of this size in memory for the block; skips the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    if _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder)) != 0:
        pytest.skip("mounting is not allowed here; the file size limit provokes the same")
    try:
        yield
    finally:
        _run("umount", "-l", str(folder))


def fill(folder: Path) -> Path:
    """Take all the room that is left; deleting the file that is returned gives it back."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return filler


def let_no_file_grow(pid: int) -> None:
    """From now on, no write of this process gets beyond a few kilobytes into a file."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, resource.RLIM_INFINITY))


def let_files_grow(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def remount(folder: Path, how: str) -> None:
    """Make a mounted folder "ro" or "rw"."""
    assert _run("mount", "-o", f"remount,{how}", str(folder)) == 0


def _run(*command: str) -> int:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode
    except OSError:
        return 1
