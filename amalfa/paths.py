"""Where things are: a project's config, and the files sonar keeps for it.

`sonar status` lives on this module, so platformdirs is imported only where no shorter way knows its answer.
"""

import contextlib
import hashlib
import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amalfa.errors import AmalfaError

CONFIG_NAME = "amalfa.config.json"

# sun_path holds 104 bytes on macOS and 108 on Linux, terminator included; the smaller one counts everywhere.
SOCKET_PATH_MAX_BYTES = 103


@dataclass(frozen=True, slots=True)
class Project:
    """A project root and the config file that makes it one. Both are absolute; `root` is a real path."""

    root: Path
    config: Path


def user_config_path(environ: Mapping[str, str]) -> Path:
    """The user's own `amalfa.config.json`, whether or not it exists."""
    if override := environ.get("XDG_CONFIG_HOME"):
        return Path(override) / "amalfa" / CONFIG_NAME
    if sys.platform == "linux":
        return Path.home() / ".config" / "amalfa" / CONFIG_NAME
    import platformdirs

    return platformdirs.user_config_path("amalfa") / CONFIG_NAME


def find_project(start: Path, environ: Mapping[str, str], explicit: str | None = None) -> Project | None:
    """The project that a command started in `start` belongs to; None when there is no config anywhere.

    `explicit` (--config) wins over AMALFA_CONFIG, that over the nearest `amalfa.config.json` at or above
    `start`, that over the user's own file. An explicit file need not exist: its absence is for the loader
    to report.
    """
    named = explicit or environ.get("AMALFA_CONFIG")
    if named:
        return _project(start / Path(named).expanduser())
    for folder in (start, *start.parents):
        if os.path.lexists(folder / CONFIG_NAME):
            return _project(folder / CONFIG_NAME)
    users_own = user_config_path(environ)
    return _project(users_own) if users_own.exists() else None


def _project(config: Path) -> Project:
    # The folder that holds the name is the root even when the file is a link to elsewhere.
    root = Path(os.path.realpath(config.parent))
    return Project(root=root, config=root / config.name)


def amalfa_home(environ: Mapping[str, str]) -> Path:
    """The folder under which sonar keeps one folder for each project root."""
    if override := environ.get("AMALFA_HOME"):
        return Path(os.path.realpath(Path(override).expanduser()))
    if override := environ.get("XDG_STATE_HOME"):
        return Path(override) / "amalfa"
    if sys.platform == "linux":
        # What platformdirs answers here, without the 20 ms that loading it costs every `status`.
        return Path.home() / ".local" / "state" / "amalfa"
    import platformdirs

    return platformdirs.user_state_path("amalfa")


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one project's sonar. Computing them touches nothing."""

    folder: Path
    socket: Path

    @property
    def life_lock(self) -> Path:
        return self.folder / "sonar.lock"

    @property
    def start_lock(self) -> Path:
        return self.folder / "startup.lock"

    @property
    def state(self) -> Path:
        return self.folder / "sonar.json"

    @property
    def database(self) -> Path:
        return self.folder / "sonar.db"

    @property
    def index(self) -> Path:
        return self.folder / "index.db"

    @property
    def cache(self) -> Path:
        return self.folder / "cache.db"

    @property
    def log(self) -> Path:
        return self.folder / "logs" / "sonar.log"


def places_for(root: Path, environ: Mapping[str, str]) -> Places:
    """The places of the project at `root`; the same from every shell of the same user.

    The socket moves to `/tmp/amalfa-UID/` when its path would not fit a socket address. TMPDIR and
    XDG_RUNTIME_DIR are left out on purpose: they differ between a desktop, ssh and cron.
    """
    real = os.path.realpath(root)
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:12]
    slug = re.sub(r"[^a-z0-9]+", "-", os.path.basename(real).lower()).strip("-")[:24]
    folder = amalfa_home(environ) / f"{slug or 'root'}-{digest}"
    socket = folder / "sonar.sock"
    if len(os.fsencode(socket)) > SOCKET_PATH_MAX_BYTES:
        key = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        # The folder is created 0700 and its owner checked (make_private_folder), so a shared /tmp is no danger.
        socket = Path(f"/tmp/amalfa-{os.getuid()}") / f"{key}.sock"  # noqa: S108
    return Places(folder=folder, socket=socket)


def make_private_folder(folder: Path) -> None:
    """Create `folder` with mode 0700, or check that it is ours and closed to others.

    Raises AmalfaError when it is a link, not a folder, or belongs to somebody else; a folder of our own
    with wider permissions is narrowed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise AmalfaError(
            f"{folder} is not a folder, so sonar cannot keep its files there.", hint=f"mv {folder} {folder}.old"
        )
    if found.st_uid != os.getuid():
        raise AmalfaError(f"{folder} belongs to another user.", hint="set AMALFA_HOME to a folder of your own")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
