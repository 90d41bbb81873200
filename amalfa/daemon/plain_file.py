"""Opens files that must be plain and our own: no link, pipe, folder or foreign file can stand in for them."""

import errno
import os
import stat
from pathlib import Path


def open_plain_file(path: Path, flags: int) -> int:
    """A descriptor for the file at `path`; with O_CREAT in `flags` a new one has mode 0600.

    Raises OSError as `os.open` does, with `strerror` "is a link" or "is not a plain file of your own" for what
    only looks like one. Never blocks.
    """
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a link", os.fspath(path)) from None
        raise
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "is not a plain file of your own", os.fspath(path))
