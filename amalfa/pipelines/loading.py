"""Makes the pipelines of a loaded configuration, or says everything that keeps one of them from running."""

from dataclasses import dataclass

from amalfa.config.loaded import Loaded
from amalfa.config.problems import in_order
from amalfa.errors import InvalidConfig, Problem
from amalfa.pipelines.check import Known, find_problems
from amalfa.pipelines.graph import Pipeline
from amalfa.pipelines.reading import read_pipeline


def pipelines_of(loaded: Loaded) -> dict[str, Pipeline]:
    """Every pipeline of a configuration by name. Raises InvalidConfig with all problems of all of them.

    A key that is not set is none of them: its provider says so when it is asked, and another model serves.
    """
    known = Known(providers=frozenset(loaded.endpoints))
    found: dict[str, Pipeline] = {}
    problems: list[Problem] = [*loaded.unreadable_pipelines]
    for name, written in loaded.pipelines.items():
        pipeline, wrong = read_pipeline(name, written.document, providers=written.providers)
        errors = find_problems(pipeline, known)[0] if pipeline and not wrong else ()
        problems += (*wrong, *errors)
        if pipeline is not None:
            found[name] = pipeline
    if problems:
        told = in_order(problems)
        more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
        message = f"A pipeline cannot run: {told[0]}{more}."
        raise InvalidConfig(message, hint="correct what `amalfa pipeline check` lists", problems=told)
    return found


@dataclass(frozen=True, slots=True)
class PipelineReport:
    """A pipeline in force, with what keeps parts of it from being served and what is only worth knowing."""

    pipeline: Pipeline
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]


def report_on(pipeline: Pipeline, known: Known) -> PipelineReport:
    return PipelineReport(pipeline, *find_problems(pipeline, known))
