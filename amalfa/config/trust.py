"""Remembers which hosts, keys, commands and places outside a project its user has approved. Judges nothing."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from amalfa.config.jsonc import Json, read_json
from amalfa.config.sources import FileRead, read_file
from amalfa.errors import Problem
from amalfa.files import write_atomically
from amalfa.paths import amalfa_home, make_private_folder

TrustKind = Literal["host", "key", "path", "command"]
Approval = tuple[str, str, str]
"""Kind, provider and target of a request that was granted."""


@dataclass(frozen=True, slots=True)
class TrustRequest:
    """One thing that a project's files ask for and only its user may grant.

    `target` is an origin (`https://gpu.example:8443`), for a key `NAME -> origin`, for a path the real path, for a
    command its whole line; `provider` is "" for paths. `place` is where the file asks.
    """

    kind: TrustKind
    provider: str
    target: str
    reason: str
    place: Problem

    @property
    def approval(self) -> Approval:
        return (self.kind, self.provider, self.target)

    @property
    def problem(self) -> Problem:
        return Problem(self.place.path, self.place.line, f"{self.place.message}: {self.reason}")


def trust_path(environ: Mapping[str, str]) -> Path:
    """The user's own list of approvals, outside every project."""
    return amalfa_home(environ) / "trust.json"


def read_approvals(file: FileRead, root: Path) -> tuple[frozenset[Approval], tuple[Problem, ...]]:
    """What was approved for the project at the real path `root`, from `trust.json` as read.

    A list that others could have written, or that cannot be read, approves nothing and gives a warning.
    """
    if file.is_absent:
        return frozenset(), ()
    if file.text is None:
        return frozenset(), (file.problem,) if file.problem else ()
    if file.uid not in (os.getuid(), 0) or file.mode & 0o022:
        return frozenset(), (Problem(str(file.path), None, "can be written by other users, so it approves nothing"),)
    entries = _entries(file.text)
    if entries is None:
        return frozenset(), (Problem(str(file.path), None, "is damaged, so it approves nothing"),)
    return frozenset(entries.get(os.path.realpath(root), ())), ()


def approve(root: Path, requests: Iterable[TrustRequest], *, environ: Mapping[str, str]) -> None:
    """Grant exactly these requests for the project at `root`. Raises OSError when that cannot be stored."""
    path = trust_path(environ)
    make_private_folder(path.parent)
    file = read_file(path)
    entries = (_entries(file.text) if file.text is not None else None) or {}
    real = os.path.realpath(root)
    granted = {*entries.get(real, ()), *(request.approval for request in requests)}
    entries[real] = tuple(sorted(granted))
    listed = {"version": 1, "projects": {place: [list(one) for one in found] for place, found in entries.items()}}
    write_atomically(path, json.dumps(listed, indent=2, ensure_ascii=False).encode() + b"\n", mode=0o600)


def _entries(text: str) -> dict[str, tuple[Approval, ...]] | None:
    """Approvals by root; None for a text that is not such a list."""
    root = read_json(text, name="").root
    projects = root.value.get("projects") if root and isinstance(root.value, dict) else None
    if not isinstance(projects, dict):
        return None
    return {place: _approvals(listed) for place, listed in projects.items()}


def _approvals(listed: Json) -> tuple[Approval, ...]:
    found = []
    for entry in listed if isinstance(listed, list) else []:
        match entry:
            case [str(kind), str(provider), str(target)]:
                found.append((kind, provider, target))
    return tuple(found)
