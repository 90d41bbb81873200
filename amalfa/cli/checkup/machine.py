"""Checks of the machine: Python, the folder for sonar's files, room on the disk, limits on watching, the terminal."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from amalfa.cli.checkup.finding import Finding, fine, problem, warning
from amalfa.cli.checkup.patient import Patient

OLDEST_PYTHON = (3, 11)
ROOM_TO_WORK_BYTES = 50 * 1024**2
ROOM_TO_GROW_BYTES = 500 * 1024**2
WATCHES_ENOUGH = 8192
INSTANCES_ENOUGH = 64

_INOTIFY = Path("/proc/sys/fs/inotify")


def check_python(patient: Patient) -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        yield problem("python", f"Python {found} is too old.", "install Python 3.11 or newer")
    else:
        yield fine("python", f"Python {found}")


def check_home(patient: Patient) -> Iterator[Finding]:
    """AMALFA_HOME and the project's folder in it: there or makeable, ours, closed to others, writable."""
    folders = [patient.home, *([patient.places.folder, patient.places.socket.parent] if patient.places else [])]
    findings = [finding for folder in dict.fromkeys(folders) for finding in _check_folder(folder)]
    yield from findings
    if not findings:
        yield fine("home", f"{patient.home} is private and writable.")


def _check_folder(folder: Path) -> Iterator[Finding]:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        parent = next((above for above in folder.parents if above.exists()), folder)
        if not os.access(parent, os.W_OK):
            yield problem(
                "home", f"{folder} cannot be made: {parent} is not writable.", "set AMALFA_HOME to a folder of your own"
            )
        return
    except OSError as error:
        yield problem(
            "home", f"{folder} cannot be reached: {error.strerror}.", "set AMALFA_HOME to a folder of your own"
        )
        return
    if not stat.S_ISDIR(found.st_mode):
        yield problem("home", f"{folder} is not a folder.", f"mv {folder} {folder}.old")
    elif found.st_uid != os.getuid():
        yield problem("home", f"{folder} belongs to another user.", "set AMALFA_HOME to a folder of your own")
    elif stat.S_IMODE(found.st_mode) & 0o077 or stat.S_IMODE(found.st_mode) & 0o700 != 0o700:
        yield problem(
            "home",
            f"{folder} has mode {stat.S_IMODE(found.st_mode):04o}.",
            f"chmod 700 {folder}",
            mend=partial(folder.chmod, 0o700),
        )


def check_files(patient: Patient) -> Iterator[Finding]:
    """Sonar's own files: closed to others, nothing set aside as damaged, nothing foreign where the socket goes."""
    places = patient.places
    if places is None or not places.folder.is_dir():
        return
    for file in sorted(places.folder.rglob("*")):
        found = file.lstat()
        if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077:
            yield problem(
                "files", f"Other users can read {file}.", f"chmod 600 {file}", mend=partial(file.chmod, 0o600)
            )
        if ".corrupt-" in file.name:
            yield warning("files", f"{file} was damaged and set aside.", f"rm {file}")
    if os.path.lexists(places.socket) and not stat.S_ISSOCK(places.socket.lstat().st_mode):
        yield problem("files", f"{places.socket} is not a socket.", f"mv {places.socket} {places.socket}.old")


def check_room(patient: Patient) -> Iterator[Finding]:
    where = next((folder for folder in (patient.home, *patient.home.parents) if folder.exists()), Path("/"))
    free = shutil.disk_usage(where).free
    text = f"{free / 1024**2:,.0f} MB are free at {where}."
    if free < ROOM_TO_WORK_BYTES:
        yield problem("disk", text, f"make room on the disk of {where}, or set AMALFA_HOME elsewhere")
    elif free < ROOM_TO_GROW_BYTES:
        yield warning("disk", text, f"make room on the disk of {where} before the notes grow")
    else:
        yield fine("disk", text)


def check_watching(patient: Patient) -> Iterator[Finding]:
    """Whether the kernel lets sonar watch the notes; elsewhere than on Linux there is no such limit."""
    for name, enough in (("max_user_watches", WATCHES_ENOUGH), ("max_user_instances", INSTANCES_ENOUGH)):
        try:
            limit = int((_INOTIFY / name).read_text())
        except (OSError, ValueError):
            continue
        if limit < enough:
            text = f"fs.inotify.{name} is {limit}; edits may be noticed late."
            yield warning("watching", text, f"sudo sysctl fs.inotify.{name}={max(enough * 8, 512)}")


def check_terminal(patient: Patient) -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding not in ("utf8", ""):
        yield warning(
            "terminal",
            f"The output is {sys.stdout.encoding}, so some characters show as numbers.",
            "export LC_ALL=C.UTF-8",
        )
