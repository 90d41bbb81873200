"""Looks at who else can read or write the configuration files, and at keys written into them."""

import os
from collections.abc import Iterator, Mapping

from amalfa.config.endpoints import Endpoint
from amalfa.config.env_file import EnvFile
from amalfa.config.environment import VARIABLES
from amalfa.config.keypath import KeyPath, show_key
from amalfa.config.keys import credentials_in
from amalfa.config.layers import Files
from amalfa.config.origins import Sourced
from amalfa.config.problems import suggestion
from amalfa.config.secret import Secret
from amalfa.config.sources import FileRead
from amalfa.config.values import PUBLIC_HEADERS
from amalfa.errors import Problem

_OTHERS_CAN_WRITE = 0o002


def find_exposed_keys(
    endpoints: Mapping[str, Endpoint], sourced: Sourced, files: Files
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Problems for keys in files that other users can read, warnings for keys in files of the user alone."""
    problems, warnings = [], []
    by_path = {str(file.path): file for file in files.all()}
    for key in _literal_keys(endpoints):
        origin = sourced.origin_of(key)
        file = by_path.get(origin.path)
        if file is None:
            continue
        if file.is_readable_by_others or not _is_ours(file):
            message = f"{show_key(key)} holds a key that other users can read; move it to .env, or chmod 600 this file"
            problems.append(origin.problem(message))
        else:
            warnings.append(origin.problem(f'{show_key(key)} holds a key; better keep it in .env and write "$NAME"'))
    return tuple(problems), tuple(warnings)


def find_loose_files(files: Files, env_file: EnvFile) -> Iterator[Problem]:
    """A warning for each file that others may change, and for a `.env` with keys that others may read."""
    for file in (files.project, files.users, files.env):
        if file.text is not None and (file.mode & _OTHERS_CAN_WRITE or not _is_ours(file)):
            yield Problem(str(file.path), None, f"other users can change this file; {_remedy(file)}")
    keys = {variable.name for variable in VARIABLES if variable.use == "key"}
    if files.env.is_readable_by_others and keys & env_file.values.keys():
        yield Problem(str(files.env.path), None, f"other users can read the keys in it; chmod 600 {files.env.path}")


def find_unread_names(env_file: EnvFile, read: frozenset[str], path: str) -> Iterator[Problem]:
    """A warning for each name in `.env` that is probably a slip: almost one that is read, or read elsewhere only."""
    process_only = {variable.name for variable in VARIABLES if variable.use == "process"}
    for name, line in env_file.values.items():
        if name in process_only:
            yield Problem(path, line.line, f"{name} is read from the process environment only, so it is ignored here")
        elif name not in read and (meant := suggestion(name, read, cutoff=0.88)):
            yield Problem(path, line.line, f"{name} is no variable that is read{meant}")


def _literal_keys(endpoints: Mapping[str, Endpoint]) -> Iterator[KeyPath]:
    for endpoint in endpoints.values():
        for key, written in credentials_in(endpoint):
            if isinstance(written, Secret) and not (key[-2] == "headers" and _is_harmless(str(key[-1]))):
                yield key


def _is_harmless(header: str) -> bool:
    words = ("auth", "key", "token", "secret", "cookie", "password")
    return header.lower() in PUBLIC_HEADERS or not any(word in header.lower() for word in words)


def _is_ours(file: FileRead) -> bool:
    return file.uid in (os.getuid(), 0)


def _remedy(file: FileRead) -> str:
    return f"chmod o-w {file.path}" if _is_ours(file) else "it belongs to one of them"
