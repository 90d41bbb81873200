"""A disk whose k-th write or flush fails, once or from then on, for the database files of this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import apsw
from typing_extensions import override

Kind = Literal["write", "flush"]


@dataclass
class Trouble:
    """`at` counts from 1 over all files; 0 never fails. `lasts` means that everything after it fails too."""

    kind: Kind
    at: int = 0
    lasts: bool = False
    seen: dict[str, int] = field(default_factory=lambda: {"write": 0, "flush": 0})

    def meet(self, kind: Kind) -> None:
        self.seen[kind] += 1
        count = self.seen[self.kind]
        if self.at and ((kind == self.kind and count == self.at) or (self.lasts and count > self.at)):
            code = apsw.SQLITE_IOERR_WRITE if kind == "write" else apsw.SQLITE_IOERR_FSYNC
            raise apsw.exception_for(code)


@contextmanager
def failing_disk(trouble: Trouble) -> Iterator[None]:
    """Every connection opened inside the block is on the failing disk. They have to be closed inside, too."""
    usual = apsw.vfs_names()[0]

    class File(apsw.VFSFile):
        @override
        def xWrite(self, data: bytes, offset: int) -> None:
            trouble.meet("write")
            super().xWrite(data, offset)

        @override
        def xSync(self, flags: int) -> None:
            trouble.meet("flush")
            super().xSync(flags)

    class Disk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("failing", usual, makedefault=True)

        @override
        def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
            return File(usual, name, flags)

    disk = Disk()
    try:
        yield
    finally:
        disk.unregister()
        apsw.set_default_vfs(usual)
