"""What can go wrong with a file on disk, in the words of `amalfa.errors`. One table translates SQLite's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from amalfa.errors import AmalfaError, Busy


class StorageFull(AmalfaError):
    """The disk or a quota has no room; nothing of this write was kept, everything before it was."""

    code, http_status = "storage_full", 507


class StorageBroken(AmalfaError):
    """The file is damaged, gone, unwritable or not ours; what was acknowledged earlier may be unreadable."""

    code = "storage_broken"


class StorageTooNew(AmalfaError):
    """The file was written by a newer release; it is left untouched."""

    code = "storage_too_new"


class StorageBusy(Busy):
    """Another process holds the file locked for longer than the five seconds a write waits."""

    http_status = 503


class ReadTooLong(AmalfaError):
    """A read passed its time limit and was interrupted, so that it cannot hold the log of changes open."""

    code, exit_code, http_status = "timeout", 6, 504


# SQLite says FULL only for ENOSPC. A file size limit, a quota or a thin volume arrive as failed writes.
_NO_ROOM = frozenset(
    {
        apsw.SQLITE_IOERR_WRITE,
        apsw.SQLITE_IOERR_TRUNCATE,
        apsw.SQLITE_IOERR_SHMSIZE,
    }
)

_ROOM_HINT = "free some space on the disk that holds AMALFA_HOME; sonar goes on by itself"
_DAMAGE_HINT = "amalfa sonar restart (a damaged file is set aside and what can be read is carried over)"

_TABLE: tuple[tuple[type[apsw.Error], type[AmalfaError], str, str], ...] = (
    (apsw.FullError, StorageFull, "has no room left", _ROOM_HINT),
    (apsw.BusyError, StorageBusy, "is locked by another process", "close the program that holds it open"),
    (apsw.LockedError, StorageBusy, "is locked by another process", "close the program that holds it open"),
    (apsw.CorruptError, StorageBroken, "is damaged", _DAMAGE_HINT),
    (apsw.NotADBError, StorageBroken, "is not a database", _DAMAGE_HINT),
    (apsw.ReadOnlyError, StorageBroken, "cannot be written", "make its folder writable for you (chmod u+w)"),
    (apsw.CantOpenError, StorageBroken, "cannot be opened", "check that its folder exists and is yours"),
    (apsw.PermissionsError, StorageBroken, "cannot be opened", "check that its folder exists and is yours"),
    (apsw.IOError, StorageBroken, "could not be read or written", "check the disk (dmesg), then: amalfa sonar restart"),
    (apsw.NoMemError, StorageBroken, "needs more memory than there is", "amalfa sonar restart"),
    (apsw.InterruptError, ReadTooLong, "took too long to search", "ask for something narrower"),
)


def translate(error: apsw.Error, path: str) -> Exception:
    """The failure to raise for an SQLite error; the error itself when it is about the statement, not the file.

    Broken constraints and wrong SQL stay as they are: the first are for the caller to catch inside its
    own transaction, the second are bugs.
    """
    if isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) in _NO_ROOM:
        return StorageFull(f"{path} has no room left.", hint=_ROOM_HINT)
    for foreign, ours, what, hint in _TABLE:
        if isinstance(error, foreign):
            return ours(f"{path} {what}.", hint=hint)
    return error


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raise the failures of this module in place of SQLite's errors about the file at `path`."""
    try:
        yield
    except apsw.Error as error:
        ours = translate(error, path)
        if ours is error:
            raise
        raise ours from error
