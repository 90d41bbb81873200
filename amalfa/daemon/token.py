"""The secret that opens the optional HTTP port: made once, kept in a private file, shown to nobody by sonar itself."""

import os
import secrets
from pathlib import Path

from amalfa.daemon.plain_file import open_plain_file
from amalfa.errors import AmalfaError
from amalfa.files import write_atomically

_MAX_BYTES = 1024
_MIN_CHARACTERS = 20


def token_path(folder: Path) -> Path:
    """Where the token of the project with this folder is kept."""
    return folder / "http.token"


def token_at(path: Path) -> str:
    """The token in this file, made at the first call (0600). Removing the file makes a new one at the next call.

    Raises AmalfaError when the file could have been read or written by others, or holds too little to be a secret.
    """
    try:
        descriptor = open_plain_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return new_token(path)
    except OSError as error:
        raise AmalfaError(f"The token file {path} cannot be used: {error.strerror}.", hint=f"rm {path}") from error
    with os.fdopen(descriptor, "rb") as file:
        token = file.read(_MAX_BYTES).decode(errors="replace").strip()
        is_open_to_others = os.fstat(descriptor).st_mode & 0o077
    if is_open_to_others or len(token) < _MIN_CHARACTERS:
        raise AmalfaError(f"The token file {path} is open to others or holds no token.", hint=f"rm {path}")
    return token


def new_token(path: Path) -> str:
    """Replace the token in this file. A sonar that runs goes on with the one it read when it started.

    Raises AmalfaError when the file cannot be written.
    """
    try:
        return _new_token(path)
    except OSError as error:
        raise AmalfaError(f"The token file {path} cannot be written: {error.strerror}.", hint=f"rm {path}") from error


def _new_token(path: Path) -> str:
    token = secrets.token_urlsafe(32)
    write_atomically(path, f"{token}\n".encode())
    return token
