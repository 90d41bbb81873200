"""`config set`: changes one setting in the project's file, or refuses and leaves the file as it was."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from amalfa.config.examine import examine
from amalfa.config.jsonc import Json, read_json
from amalfa.config.keypath import KeyPath, parse_key, show_key
from amalfa.config.sources import FileRead, read_file
from amalfa.config.text_edit import put_value
from amalfa.config.values import PUBLIC_HEADERS
from amalfa.errors import InvalidConfig, Problem, UsageProblem
from amalfa.files import write_atomically
from amalfa.paths import Project


def set_value(project: Project, key: str, written: str, *, environ: Mapping[str, str]) -> Path:
    """Give the setting `key` the value `written`, and return the file that was changed.

    `written` is read as JSON where it is JSON that fits, else as text. The file keeps its comments, order and mode;
    a link is followed. Raises InvalidConfig when the value does not fit or the file is broken, UsageProblem for a
    key that is none, OSError when the file cannot be written.
    """
    path = parse_key(key)
    _refuse_secrets(path, written)
    file = read_file(project.config)
    if file.text is None:
        problem = file.problem or Problem(str(project.config), None, "there is no such file")
        raise InvalidConfig(f"{key} was not changed: {problem}.", hint="amalfa init", problems=(problem,))
    refused: tuple[Problem, ...] = ()
    for value in _readings(written):
        text = _edited(file.text, str(project.config), path, value)
        found = _new_problems(project, path, text, environ=environ)
        if not found:
            return _save(file, text)
        refused = refused or found
    message = refused[0].message
    raise InvalidConfig(
        f"{show_key(path)} was not changed: {message}{'' if message.endswith('?') else '.'}",
        hint="see what it may be with `amalfa config schema`",
        problems=refused,
    )


def _refuse_secrets(path: KeyPath, written: str) -> None:
    # What is typed as an argument stays in the shell's history and shows in the list of processes.
    is_key = path[:2] == ("sonar", "providers") and path[3:] in (("apiKey",), ("basicAuth", "password"))
    is_header = path[3:4] == ("headers",) and str(path[-1]).lower() not in PUBLIC_HEADERS
    if (is_key or is_header) and not written.startswith("$"):
        hint = f"put it into .env as NAME=…, then: amalfa config set {show_key(path)} '$NAME'"
        raise UsageProblem("A key does not belong on a command line.", hint=hint)


def _readings(written: str) -> Iterator[Json]:
    document = read_json(written, name="")
    if document.root is not None and not document.problems:
        yield document.root.value
    if document.root is None or document.problems or not isinstance(document.root.value, str):
        yield written


def _edited(text: str, name: str, path: KeyPath, value: Json) -> str:
    document = read_json(text, name=name)
    root = document.root
    if root is None or document.problems:
        raise InvalidConfig(
            f"{show_key(path)} was not changed: {document.problems[0]}.",
            hint="correct what `amalfa config check` lists",
            problems=document.problems,
        )
    if not isinstance(root.value, dict):
        raise InvalidConfig(f"{show_key(path)} was not changed: {name} holds no object.")
    return put_value(text, root, path, value)


def _new_problems(project: Project, path: KeyPath, text: str, *, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """What is wrong with the edited text and was not wrong before, or concerns the very line that was edited."""
    before = {(problem.path, problem.message) for problem in examine(project, environ=environ).problems}
    line = read_json(text, name="").line_of(path)
    after = examine(project, environ=environ, text=text).problems
    return tuple(
        problem
        for problem in after
        if (problem.path, problem.message) not in before or (problem.path, problem.line) == (str(project.config), line)
    )


def _save(file: FileRead, text: str) -> Path:
    target = Path(os.path.realpath(file.path))
    if read_file(file.path).digest != file.digest:
        raise UsageProblem(f"{file.path} was changed by something else in this moment.", hint="try again")
    write_atomically(target, text.encode(), mode=file.mode & 0o7777)
    return target
