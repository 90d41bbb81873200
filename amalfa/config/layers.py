"""Turns what each source says into one tree of settings with origins. Reads the files, judges no trust."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amalfa.config.env_file import EnvFile, parse_env
from amalfa.config.environment import FROM_ENV_FILE, EnvText, settings_from
from amalfa.config.jsonc import Json, read_json
from amalfa.config.keypath import parse_key
from amalfa.config.origins import Origin, OriginKind, Sourced, empty, merge, sourced_at, sourced_file
from amalfa.config.problems import validated
from amalfa.config.sources import FileRead, read_file
from amalfa.config.trust import trust_path
from amalfa.errors import Problem
from amalfa.paths import Project, user_config_path

Override = tuple[str, Json]
"""A setting given with a command: its key path as text, and its value."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files a configuration is made of, each read once."""

    project: FileRead
    users: FileRead
    env: FileRead
    trust: FileRead
    is_users_own: bool
    """Whether the project's file is the user's own one; then it speaks for the user."""

    def all(self) -> tuple[FileRead, ...]:
        return (self.project, self.users, self.env, self.trust)


def read_files(project: Project, environ: Mapping[str, str], *, text: str | None = None) -> Files:
    """Read them; `text` stands in for the project's file when an edit of it is being tried."""
    users_path = user_config_path(environ)
    is_users_own = os.path.realpath(users_path) == os.path.realpath(project.config)
    found = read_file(project.config)
    if text is not None:
        found = FileRead(found.path, text, "edited", found.mode, found.uid)
    return Files(
        project=found,
        users=FileRead(users_path, None, "absent") if is_users_own else read_file(users_path),
        env=read_file(project.root / ".env"),
        trust=read_file(trust_path(environ)),
        is_users_own=is_users_own,
    )


@dataclass(frozen=True, slots=True)
class Layers:
    """All sources, weakest first, with everything found wrong in reading them."""

    users: Sourced
    project: Sourced
    dotenv: Sourced
    environment: Sourced
    command: Sourced
    env_file: EnvFile
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    def merged(self) -> Sourced:
        tree = empty()
        for layer in (self.users, self.project, self.dotenv, self.environment, self.command):
            tree = merge(tree, layer)
        return tree

    def users_own(self) -> tuple[Sourced, ...]:
        """The sources that speak for the user and for nobody else."""
        return (self.users, self.environment, self.command)


def stack_layers(files: Files, environ: Mapping[str, str], overrides: Sequence[Override]) -> Layers:
    """The layers of `files`, the environment and the command. Raises UsageProblem for an override of no setting."""
    users, user_problems = _file(files.users, "user")
    project, project_problems = _file(files.project, "user" if files.is_users_own else "project")
    project, warnings = (project, ()) if files.is_users_own else _without_local(project)
    env_file, env_problems, env_warnings = _env_file(files.env)
    provider = merge(users, project).at(("sonar", "cloud", "provider"))
    spoken = provider.value if provider else None
    dotenv, dotenv_problems = settings_from(_env_texts(env_file, files.env.path), cloud_provider=spoken)
    environment, environment_problems = settings_from(_process_texts(environ), cloud_provider=spoken)
    command = empty(Origin("command"))
    for key, value in overrides:
        command = merge(command, sourced_at(parse_key(key), value, Origin("command")))
    problems = (*_absence(files.project), *user_problems, *project_problems, *env_problems)
    return Layers(
        users=users,
        project=project,
        dotenv=dotenv,
        environment=environment,
        command=command,
        env_file=env_file,
        problems=(*problems, *dotenv_problems, *environment_problems),
        warnings=(*warnings, *env_warnings),
    )


def _absence(file: FileRead) -> tuple[Problem, ...]:
    return (Problem(str(file.path), None, "there is no such file"),) if file.is_absent else ()


def _file(file: FileRead, kind: OriginKind) -> tuple[Sourced, tuple[Problem, ...]]:
    """What a configuration file says, as far as it can be read, and all that is wrong with it."""
    if file.text is None:
        return empty(), (file.problem,) if file.problem else ()
    name = str(file.path)
    document = read_json(file.text, name=name)
    if document.root is None:
        return empty(), document.problems
    if not isinstance(document.root.value, dict):
        return empty(), (*document.problems, Problem(name, document.root.line, "the configuration must be an object"))
    # An editor's note on which schema to show help from; it says nothing to sonar.
    sourced = sourced_file(document.root, kind=kind, path=name).without(("$schema",))
    return sourced, (*document.problems, *validated(sourced)[1])


def _without_local(project: Sourced) -> tuple[Sourced, tuple[Problem, ...]]:
    """A project may not call somebody's machine the user's own; only the user may."""
    providers = project.at(("sonar", "providers"))
    warnings = []
    for name, provider in (providers.value if providers and isinstance(providers.value, dict) else {}).items():
        local = provider.inner("local")
        if local is None:
            continue
        project = project.without(("sonar", "providers", name, "local"))
        if local.value is True:
            message = f"sonar.providers.{name}.local counts only in your own configuration file, so it is ignored here"
            warnings.append(local.origin.problem(message))
    return project, tuple(warnings)


def _env_file(file: FileRead) -> tuple[EnvFile, tuple[Problem, ...], tuple[Problem, ...]]:
    """The `.env`, what makes it unusable, and the lines of it that are skipped."""
    if file.text is None:
        return EnvFile({}, ()), (file.problem,) if file.problem else (), ()
    env_file = parse_env(file.text)
    message = "is neither NAME=value nor a comment, so it is skipped"
    return env_file, (), tuple(Problem(str(file.path), line, message) for line in env_file.unreadable)


def _env_texts(env_file: EnvFile, path: Path) -> dict[str, EnvText]:
    return {
        name: EnvText(line.value, Origin("dotenv", str(path), line.line, name))
        for name, line in env_file.values.items()
        if name in FROM_ENV_FILE and line.value.strip()
    }


def _process_texts(environ: Mapping[str, str]) -> dict[str, EnvText]:
    return {
        name: EnvText(environ[name], Origin("environment", name=name))
        for name in FROM_ENV_FILE
        if environ.get(name, "").strip()
    }
