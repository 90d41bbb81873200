"""Opens one SQLite file safely: private, checked, current. Runs no query of its own making afterwards.

A damaged file never keeps sonar from starting: it is set aside with its name saying so, what can be read of it is
carried over into a fresh one, and a notice tells. A file of a newer release is refused instead, because setting that
aside would hide data that is fine.
"""

import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import apsw

from amalfa.paths import make_private_folder
from amalfa.store.failures import StorageBroken, translated
from amalfa.store.salvage import salvage
from amalfa.store.schema import Migration, back_up, migrate, unused_name, version_of

OLDEST_SQLITE = (3, 51, 3)
BUSY_TIMEOUT_MS = 5_000
JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024
CHECK_LIMIT_S = 1.0
"""How long the check after a crash may hold up the start; a huge file is checked as far as this goes."""

CHECK_IN_ORDER_LIMIT_S = 0.2
"""The same after an orderly end, when only the disk can have done harm."""

NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone"}
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a database file has to be.

    `is_derived` marks one that can be rebuilt from elsewhere (an index, a cache): no backups, no salvage, and
    a file of another release makes room for a new one.
    """

    migrations: tuple[Migration, ...]
    application_id: int
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    is_derived: bool = False


class _Damaged(Exception):
    """The file cannot be trusted; the text finishes the sentence "sonar.db ..."."""


def open_checked(path: Path, recipe: Recipe) -> tuple[apsw.Connection, tuple[str, ...]]:
    """The one writing connection, and what the user should be told about the file.

    Leaves a marker `<file>-open` that `mark_closed` removes: finding it next time means the last process
    died. Raises StorageTooNew, StorageFull, StorageBusy or StorageBroken.
    """
    check_library()
    make_private_folder(path.parent)
    refuse_network_folder(path.parent)
    with translated(str(path)):
        try:
            return _open_existing_or_new(path, recipe)
        except (_Damaged, apsw.CorruptError, apsw.NotADBError) as damage:
            return _start_over(path, recipe, str(damage) if isinstance(damage, _Damaged) else "is damaged")


def check_library() -> None:
    """Refuse an SQLite older than 3.51.3, which a distribution's own apsw may be linked to."""
    found = apsw.sqlite_lib_version()
    if tuple(int(part) for part in found.split(".")) < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise StorageBroken(f"SQLite {found} is too old; {wanted} is needed.", hint="pip install --upgrade apsw")


def refuse_network_folder(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> None:
    """Refuse a folder on a network filesystem, where SQLite's shared memory and locks do not hold.

    Where the list of mounts cannot be read (not Linux) nothing is refused.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    device = folder.stat().st_dev
    here = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        left, _, right = line.partition(" - ")
        if left.split()[2:3] == [here] and right.split()[:1] and right.split()[0] in NETWORK_FILESYSTEMS:
            kind = right.split()[0]
            raise StorageBroken(
                f"{folder} is on a network filesystem ({kind}).", hint="set AMALFA_HOME to a folder on a local disk"
            )


def open_connection(path: Path, *, can_write: bool, synchronous: str = "FULL") -> apsw.Connection:
    """Open the file as it is. A link at `path` is refused by SQLite as well as by us."""
    access = apsw.SQLITE_OPEN_READWRITE if can_write else apsw.SQLITE_OPEN_READONLY
    # Only the last name must not be a link: on some systems /tmp or /var themselves are.
    real = os.path.join(os.path.realpath(path.parent), path.name)
    connection = apsw.Connection(real, flags=access | apsw.SQLITE_OPEN_NOFOLLOW)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.pragma("foreign_keys", True)
        connection.pragma("trusted_schema", False)
        if can_write:
            _prepare_writer(connection, synchronous)
    except BaseException:
        connection.close()
        raise
    return connection


def mark_closed(path: Path) -> None:
    """Note that everything is in the file, so the next open needs no check."""
    _marker(path).unlink(missing_ok=True)


def _prepare_writer(connection: apsw.Connection, synchronous: str) -> None:
    if connection.pragma("journal_mode", "wal") != "wal":
        raise _Damaged("cannot keep a write-ahead log")
    connection.pragma("synchronous", synchronous)
    connection.pragma("journal_size_limit", JOURNAL_LIMIT_BYTES)
    connection.pragma("wal_autocheckpoint", 1_000)


def _open_existing_or_new(path: Path, recipe: Recipe) -> tuple[apsw.Connection, tuple[str, ...]]:
    is_new = _claim_file(path)
    had_log = os.path.lexists(f"{path}-wal")
    was_left_open = os.path.lexists(_marker(path))
    connection = open_connection(path, can_write=True, synchronous=recipe.synchronous)
    try:
        if not is_new:
            _check_identity(connection, recipe)
            if was_left_open or had_log:
                _check_pages(connection, CHECK_LIMIT_S)
            elif not recipe.is_derived:
                _check_pages(connection, CHECK_IN_ORDER_LIMIT_S)
            _back_up_if_older(connection, recipe)
        migrate(connection, recipe.migrations, application_id=recipe.application_id)
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except BaseException:
        connection.close()
        raise
    _write_marker(path)
    is_log_lost = was_left_open and not had_log and not is_new
    return connection, (_lost_log_notice(path),) if is_log_lost else ()


def _claim_file(path: Path) -> bool:
    """Make sure a private regular file of ours stands at `path`; True when it was made just now."""
    for name in (Path(f"{path}-wal"), Path(f"{path}-shm"), path):
        if name.is_symlink():
            raise StorageBroken(f"{name} is a symbolic link.", hint=f"rm {name}")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        _check_file(path)
        return False
    except OSError as error:
        raise StorageBroken(
            f"{path} cannot be created: {error.strerror}.", hint="check that its folder is yours"
        ) from error
    os.close(handle)
    return True


def _check_file(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
        raise StorageBroken(f"{path} is not a file of yours.", hint=f"move it away: mv {path} {path}.old")
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o600)
    if found.st_size == 0:
        raise _Damaged("was empty (0 bytes)")


def _check_identity(connection: apsw.Connection, recipe: Recipe) -> None:
    # A file cut to nothing, or swapped for another program's, opens without complaint; only these two tell.
    if connection.pragma("application_id") != recipe.application_id or version_of(connection) == 0:
        raise _Damaged("is not a database of sonar")
    if recipe.is_derived and version_of(connection) > len(recipe.migrations):
        raise _Damaged("was written by a newer amalfa")


def _check_pages(connection: apsw.Connection, limit_s: float) -> None:
    stop_at = time.monotonic() + limit_s
    connection.set_progress_handler(lambda: time.monotonic() > stop_at, 10_000)
    try:
        verdict = connection.pragma("quick_check", 1)
    except apsw.InterruptError:
        return
    finally:
        connection.set_progress_handler(None)
    if verdict != "ok":
        raise _Damaged("is damaged")


def _back_up_if_older(connection: apsw.Connection, recipe: Recipe) -> None:
    version = version_of(connection)
    if version < len(recipe.migrations) and not recipe.is_derived:
        back_up(connection, f"schema{version}")


def _start_over(path: Path, recipe: Recipe, what: str) -> tuple[apsw.Connection, tuple[str, ...]]:
    aside = _set_aside(path)
    connection, _ = _open_existing_or_new(path, recipe)
    kept = 0 if recipe.is_derived else salvage(aside, connection)
    rest = "it is rebuilt" if recipe.is_derived else f"{kept} rows could be carried over"
    return connection, (f"{path.name} {what}; it was set aside as {aside.name} and {rest}.",)


def _set_aside(path: Path) -> Path:
    aside = unused_name(path, "corrupt")
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            if os.path.lexists(f"{path}{suffix}"):
                Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    except OSError as error:
        raise StorageBroken(
            f"{path} is damaged and cannot be moved away: {error.strerror}.", hint=f"mv {path} {aside}"
        ) from error
    _marker(path).unlink(missing_ok=True)
    return aside


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}-open")


def _write_marker(path: Path) -> None:
    try:
        os.close(os.open(_marker(path), os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StorageBroken(
            f"{_marker(path)} cannot be written: {error.strerror}.", hint="check that its folder is yours"
        ) from error


def _lost_log_notice(path: Path) -> str:
    return f"{path.name}-wal was gone although {path.name} had not been closed: its last entries may be missing."
