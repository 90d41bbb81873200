"""Examines a configuration whole: reads, merges, validates, finds hosts and keys, asks the gate. Never raises."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from amalfa.config.endpoints import Endpoint, find_endpoints
from amalfa.config.environment import FROM_ENV_FILE
from amalfa.config.gate import Asking, find_requests, place_of
from amalfa.config.hosts import origin_of
from amalfa.config.jsonc import read_json
from amalfa.config.keys import KeyFound, Surroundings, credentials_in, find_keys
from amalfa.config.layers import Files, Layers, Override, read_files, stack_layers
from amalfa.config.loaded import Loaded, find_origins
from amalfa.config.origins import Origin, Sourced, merge, sourced_at, sourced_file
from amalfa.config.pipeline_models import attach_models
from amalfa.config.problems import in_order, validated
from amalfa.config.safety import find_exposed_keys, find_loose_files, find_unread_names
from amalfa.config.secret import EnvReference
from amalfa.config.settings import Settings
from amalfa.config.sources import FileRead, read_file
from amalfa.config.trust import TrustRequest, read_approvals
from amalfa.config.unread import find_unread_settings
from amalfa.errors import Problem
from amalfa.paths import Project


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything there is to say of a configuration, good or bad.

    `loaded` is None exactly when there are `problems`. `requests` are all things the project asks its user for,
    `held` those of them that are not granted: until they are, `loaded` must not be used.
    """

    loaded: Loaded | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    requests: tuple[TrustRequest, ...] = ()
    held: tuple[TrustRequest, ...] = ()


def examine(
    project: Project,
    *,
    environ: Mapping[str, str],
    overrides: Sequence[Override] = (),
    text: str | None = None,
    pipelines: Mapping[str, str] = MappingProxyType({}),
) -> Examined:
    """Load without raising. `text` stands in for the project's file when an edit of it is being tried.

    `pipelines` are files of pipelines by name that are looked at as if the project's file named them.
    Raises UsageProblem only, for an override that is no setting's path.
    """
    files = read_files(project, environ, text=text)
    layers = stack_layers(files, environ, overrides)
    sourced = layers.merged()
    for name, path in pipelines.items():
        sourced = merge(sourced, sourced_at(("sonar", "pipelines", name), path, Origin("project", path)))
    settings, problems = validated(sourced)
    if settings is None or layers.problems:
        return Examined(None, in_order((*layers.problems, *problems)), in_order(layers.warnings))
    # The user's own configuration asks for nothing, but a loose file is not the user's word.
    is_asking = not files.is_users_own or bool(pipelines)
    return _Examination(project, environ, files, layers, sourced, settings, is_asking).result()


@dataclass(frozen=True, slots=True)
class _Examination:
    """The second half: the settings are known, now their hosts, keys and requests are looked at."""

    project: Project
    environ: Mapping[str, str]
    files: Files
    layers: Layers
    sourced: Sourced
    settings: Settings
    is_asking: bool

    def result(self) -> Examined:
        endpoints, problems = find_endpoints(self.settings, self.sourced)
        surroundings = Surroundings(self.environ, self.layers.env_file, str(self.files.env.path))
        keys, key_warnings = find_keys(endpoints, self.sourced, surroundings)
        exposed, key_file_warnings = find_exposed_keys(endpoints, self.sourced, self.files)
        pipelines, pipeline_files, unreadable = self._pipelines()
        attached = attach_models(pipelines, endpoints, keys, surroundings)
        own_keys, _ = find_keys(attached.endpoints, attached.sourced, surroundings)
        names = frozenset((*FROM_ENV_FILE, *_references(endpoints), *_references(attached.endpoints)))
        warnings = (
            *self.layers.warnings,
            *key_warnings,
            *key_file_warnings,
            *find_loose_files(self.files, self.layers.env_file),
            *find_unread_names(self.layers.env_file, names, str(self.files.env.path)),
            *attached.warnings,
        )
        if problems or exposed:
            return Examined(None, in_order((*problems, *exposed)), in_order(warnings))
        asking = Asking(self.project.root, self.sourced, endpoints, keys, surroundings, self._users_origins())
        requests = find_requests(asking, pipelines) if self.is_asking else ()
        approved, trust_warnings = read_approvals(self.files.trust, self.project.root)
        held = tuple(request for request in requests if request.approval not in approved)
        origins = find_origins(self.settings, self.sourced)
        env_values = {name: found for name in sorted(names) if (found := surroundings.find(name))}
        read = (self.files.project, self.files.users, self.files.env, *pipeline_files)
        loaded = Loaded(
            settings=self.settings,
            origins=origins,
            keys=keys.joined(own_keys),
            endpoints={**endpoints, **attached.endpoints},
            pipelines=attached.pipelines,
            unreadable_pipelines=unreadable,
            warnings=in_order((*warnings, *trust_warnings, *find_unread_settings(self.settings, origins))),
            fingerprint=_fingerprint(read, env_values, repr((self.layers.command.plain, sorted(approved)))),
            watched_paths=tuple(dict.fromkeys(file.path for file in (*read, self.files.trust))),
            env_values=env_values,
        )
        return Examined(loaded, (), loaded.warnings, requests, held)

    def _users_origins(self) -> frozenset[str]:
        """The hosts that the user's own sources name, in force or not."""
        found = set()
        for layer in self.layers.users_own():
            settings, _ = validated(layer)
            endpoints = find_endpoints(settings, layer)[0] if settings else {}
            found |= {origin_of(url) for one in endpoints.values() if one.origin.kind != "default" for url in one.urls}
        return frozenset(found)

    def _pipelines(self) -> tuple[dict[str, Sourced], tuple[FileRead, ...], tuple[Problem, ...]]:
        """All pipelines by name, the files that some of them are kept in, and why some cannot be read."""
        found, files, problems = {}, [], list[Problem]()
        for name, written in self.settings.sonar.pipelines.items():
            sourced = self.sourced.at(("sonar", "pipelines", name))
            if sourced is not None and not _PIPELINE_NAME.match(name):
                wrong = sourced.origin.problem(f"sonar.pipelines: {name!r} cannot be the name of a pipeline")
                problems.append(wrong)
            if isinstance(written, str) and sourced is not None:
                file = read_file(place_of(written, self.project.root))
                files.append(file)
                sourced, unreadable = _pipeline_in(file, sourced, self.project.root)
                problems += unreadable
            if sourced is not None:
                found[name] = sourced
        return found, tuple(files), tuple(problems)


_PIPELINE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


def _pipeline_in(file: FileRead, named: Sourced, root: Path) -> tuple[Sourced | None, tuple[Problem, ...]]:
    """The pipeline in a file, which speaks for whoever named the file; None when it cannot be read.

    A file inside the project speaks for the project, even where the user's own configuration names it.
    """
    if file.text is None:
        why = file.problem.message if file.problem else "does not exist"
        return None, (named.origin.problem(f"the pipeline {file.path} {why}"),)
    document = read_json(file.text, name=str(file.path))
    is_inside = os.path.realpath(file.path).startswith(os.path.join(os.path.realpath(root), ""))
    is_users = named.origin.is_the_users and not is_inside
    kind = named.origin.kind if is_users or not named.origin.is_the_users else "project"
    found = sourced_file(document.root, kind=kind, path=str(file.path)) if document.root else None
    return found, document.problems


def _references(endpoints: Mapping[str, Endpoint]) -> Iterator[str]:
    for endpoint in endpoints.values():
        for _, written in credentials_in(endpoint):
            if isinstance(written, EnvReference):
                yield written.name


def _fingerprint(files: Sequence[FileRead], env_values: Mapping[str, KeyFound], more: str) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.digest}\0{file.mode:o}\0".encode(errors="surrogateescape"))
    for name, found in env_values.items():
        digest.update(f"{name}\0{found.secret.reveal()}\0".encode(errors="surrogateescape"))
    digest.update(more.encode(errors="surrogateescape"))
    return digest.hexdigest()
