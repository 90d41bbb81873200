"""Loads a project's configuration, or says everything that is wrong with it. Changes nothing."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from amalfa.config.examine import examine
from amalfa.config.layers import Override
from amalfa.config.loaded import Loaded
from amalfa.config.problems import in_order
from amalfa.config.trust import TrustRequest
from amalfa.errors import InvalidConfig, Problem, UntrustedConfig
from amalfa.paths import Project


def load(
    project: Project,
    *,
    environ: Mapping[str, str],
    overrides: Sequence[Override] = (),
    pipelines: Mapping[str, str] = MappingProxyType({}),
) -> Loaded:
    """The configuration in force for `project`, with further `pipelines` as in `examine`.

    Raises InvalidConfig with every problem, or UntrustedConfig with everything that waits for `amalfa trust`.
    """
    examined = examine(project, environ=environ, overrides=overrides, pipelines=pipelines)
    if examined.loaded is None:
        raise _invalid(project, examined.problems)
    if examined.held:
        raise _untrusted(examined.held)
    return examined.loaded


def check(project: Project, *, environ: Mapping[str, str], overrides: Sequence[Override] = ()) -> tuple[Problem, ...]:
    """Everything that keeps the configuration from being in force, file by file and line by line."""
    examined = examine(project, environ=environ, overrides=overrides)
    return in_order((*examined.problems, *(request.problem for request in examined.held)))


def _invalid(project: Project, problems: tuple[Problem, ...]) -> InvalidConfig:
    hint = "correct what `amalfa config check` lists" if project.config.exists() else "amalfa init"
    return InvalidConfig(f"The configuration is invalid: {_first(problems)}.", hint=hint, problems=problems)


def _untrusted(held: tuple[TrustRequest, ...]) -> UntrustedConfig:
    problems = in_order(request.problem for request in held)
    message = f"The project asks for what only you may allow: {_first(problems)}."
    return UntrustedConfig(message, hint="amalfa trust", problems=problems)


def _first(problems: Sequence[Problem]) -> str:
    more = len(problems) - 1
    return f"{problems[0]}{f' (and {more} more)' if more else ''}"
