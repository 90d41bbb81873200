"""cli.log: where a command leaves the traceback of what nobody expected. Bounded, private, free of keys."""

import os
from pathlib import Path

MAX_BYTES = 1_000_000


def append_private(path: Path, text: str) -> bool:
    """Append `text` without secrets to a 0600 file of our own, begun anew past `MAX_BYTES`; False when it cannot be."""
    from amalfa.daemon.redaction import Redactor

    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    except OSError:
        return False
    with os.fdopen(descriptor, "a", errors="backslashreplace") as file:
        if os.fstat(descriptor).st_size > MAX_BYTES:
            os.ftruncate(descriptor, 0)
        file.write(Redactor().redact(text))
    return True
