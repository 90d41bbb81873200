"""Finds and reads the pipeline that a command names: a file, or one of the configuration's. Needs no sonar."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amalfa.cli.invocation import Invocation
from amalfa.config.env_file import parse_env
from amalfa.config.gate import place_of
from amalfa.config.layers import read_files, stack_layers
from amalfa.config.origins import Sourced
from amalfa.config.problems import in_order, suggestion
from amalfa.config.sources import FileRead, read_file
from amalfa.errors import NotFound, Problem, UsageProblem
from amalfa.paths import Project, find_project
from amalfa.pipelines.check import Known, find_problems
from amalfa.pipelines.graph import Pipeline
from amalfa.pipelines.reading import read_pipeline, read_pipeline_text

_ENDINGS = (".json", ".jsonc", ".json5")


@dataclass(frozen=True, slots=True)
class Examined:
    """A pipeline as far as it can be read, with what keeps it from running and what is only worth knowing."""

    name: str
    path: str
    pipeline: Pipeline | None
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]


class Shelf:
    """The pipelines within reach of a command: those of the project's configuration, and files."""

    def __init__(self, invocation: Invocation) -> None:
        self._environ = invocation.environ
        self._project = find_project(Path.cwd(), invocation.environ, invocation.config)
        self._configured = _configured(self._project, invocation.environ)

    @property
    def names(self) -> tuple[str, ...]:
        """The pipelines of the configuration."""
        return tuple(self._configured)

    def examined(self, wanted: str) -> Examined:
        """The pipeline `wanted`. Raises NotFound when it is neither a configured name nor a readable file."""
        written = self._configured.get(wanted)
        if written is None:
            return self._file(wanted)
        if isinstance(written.value, str):
            path = place_of(written.value, self._project.root if self._project else Path.cwd())
            return self._read(wanted, path)
        known = self._known()
        pipeline, problems = read_pipeline(wanted, written)
        return _examined(wanted, written.origin.path, pipeline, problems, known)

    def is_file(self, wanted: str) -> bool:
        """Whether the word means a file and not one of the configuration's names."""
        return wanted not in self._configured

    def _file(self, wanted: str) -> Examined:
        path = Path(wanted).expanduser()
        if not path.exists() and not wanted.endswith(_ENDINGS) and "/" not in wanted:
            there = suggestion(wanted, self._configured).lstrip("; ")
            known = ", ".join(self._configured)
            more = there or (f"there are {known}" if known else "none is configured")
            raise NotFound(f"There is no pipeline {wanted}; {more}.", hint="name a file, or one of sonar.pipelines")
        return self._read(path.stem, path)

    def _read(self, name: str, path: Path) -> Examined:
        file = read_file(path)
        if file.text is None:
            raise NotFound(_unreadable(file), hint="name the file of a pipeline")
        pipeline, problems = read_pipeline_text(name, file.text, path=str(path))
        return _examined(name, str(path), pipeline, problems, self._known())

    def _known(self) -> Known:
        env_text = read_file(self._project.root / ".env").text if self._project else None
        values = parse_env(env_text or "").values

        def has_variable(name: str) -> bool:
            return bool(self._environ.get(name)) or (name in values and bool(values[name].value))

        return Known(has_variable=has_variable)


def _examined(name: str, path: str, pipeline: Pipeline | None, problems: tuple[Problem, ...], known: Known) -> Examined:
    if pipeline is None:
        return Examined(name, path, None, problems, ())
    found, notes = find_problems(pipeline, known)
    return Examined(name, path, pipeline, in_order((*problems, *found)), notes)


def _configured(project: Project | None, environ: Mapping[str, str]) -> dict[str, Sourced]:
    if project is None:
        return {}
    pipelines = stack_layers(read_files(project, environ), environ, ()).merged().at(("sonar", "pipelines"))
    return dict(pipelines.value) if pipelines and isinstance(pipelines.value, dict) else {}


def _unreadable(file: FileRead) -> str:
    if file.is_absent:
        return f"There is no file {file.path}."
    return str(file.problem) if file.problem else f"{file.path} cannot be read."


def only_one(examined: Examined) -> Pipeline:
    """The pipeline, for those who need one that can be drawn. Raises UsageProblem where nothing could be read."""
    if examined.pipeline is None:
        raise UsageProblem(f"{examined.path} holds no pipeline.", hint=f"amalfa pipeline check {examined.path}")
    return examined.pipeline
