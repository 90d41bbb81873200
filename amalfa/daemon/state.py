"""sonar.json: what a running sonar tells other processes about itself. A claim only: the locks decide who lives."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from amalfa.daemon.identity import ProcessIdentity
from amalfa.daemon.plain_file import open_plain_file

PROTOCOL = 1
"""Version of what client and daemon say to each other; a change that old clients cannot follow raises it."""

_MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class State:
    """One sonar process. `nonce` is made anew by every process and stands in the life lock as well.

    `socket` is where it really listens, which may differ from the usual place. `started_at` is wall-clock
    time in ISO 8601, for people.
    """

    pid: int
    start_time: str
    boot_id: str
    nonce: str
    version: str
    protocol: int
    socket: str
    root: str
    config: str
    started_at: str

    @property
    def lock_note(self) -> str:
        """What the process writes into its life lock, so that the two files prove each other."""
        return f"{self.pid} {self.nonce}\n"

    @property
    def identity(self) -> ProcessIdentity:
        return ProcessIdentity(pid=self.pid, start_time=self.start_time, boot_id=self.boot_id)


def write_state(path: Path, state: State) -> None:
    """Replace the state file in one step, mode 0600."""
    from amalfa.files import write_atomically  # what only reads the state need not pay for this

    write_atomically(path, json.dumps(asdict(state)).encode())


def read_state(path: Path) -> State | None:
    """The last state written; None when there is none or it is not readable as one."""
    text = _text_of(path)
    try:
        fields = json.loads(text)
        return State(**{name: kind(fields[name]) for name, kind in State.__annotations__.items()})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def remove_state(path: Path, nonce: str) -> None:
    """Remove the state file if it is still the one of the process with this nonce."""
    state = read_state(path)
    if state is not None and state.nonce == nonce:
        path.unlink(missing_ok=True)


def _text_of(path: Path) -> str:
    try:
        descriptor = open_plain_file(path, os.O_RDONLY)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_MAX_BYTES).decode(errors="replace")
