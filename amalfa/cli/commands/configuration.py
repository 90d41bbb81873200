"""`amalfa config`: look at the configuration, check it, change one value. Needs no daemon."""

import json
from typing import TYPE_CHECKING

import click

from amalfa.cli.contents import CONFIG
from amalfa.cli.invocation import current
from amalfa.cli.lazy import LazyGroup, command
from amalfa.cli.reach import this_project
from amalfa.errors import InvalidConfig, Problem, UntrustedConfig

if TYPE_CHECKING:
    from amalfa.config.examine import Examined

config = LazyGroup(
    name="config",
    contents=CONFIG,
    help="The configuration: amalfa.config.json, what the environment adds to it, and the defaults.",
    examples="""
        amalfa config show --origin
        amalfa config set sonar.cloud.enabled auto
        amalfa config check
    """,
)


@command("show", examples="amalfa config show --origin")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
def show(*, origin: bool) -> None:
    """Print every setting in force, one per line. Secrets are masked."""
    from amalfa.config.load import load
    from amalfa.config.loaded import show as shown_settings

    invocation = current()
    settings = shown_settings(load(this_project(invocation), environ=invocation.environ))
    rows = [{"key": one.key, "value": one.value, "origin": str(one.origin)} for one in settings]
    lines = [
        f"{one.key} = {json.dumps(one.value, ensure_ascii=False)}" + (f"    {one.origin}" if origin else "")
        for one in settings
    ]
    invocation.show(rows, "\n".join(lines))


@command("check", examples="amalfa config check && amalfa sonar reload")
def check() -> None:
    """List every problem of the configuration with its file and line. Exit 8 when there is one, 9 for lack of trust."""
    from amalfa.config.examine import examine
    from amalfa.config.problems import in_order

    invocation = current()
    project = this_project(invocation)
    examined = examine(project, environ=invocation.environ)
    for warning in examined.warnings:
        invocation.note(f"Warning: {warning}")
    problems = examined.problems or _pipeline_problems(examined)
    if problems:
        what = f"The configuration has {len(problems)} problem{'s' if len(problems) > 1 else ''}."
        raise InvalidConfig(what, hint=f"edit {project.config}", problems=problems)
    if examined.held:
        asked = in_order(request.problem for request in examined.held)
        raise UntrustedConfig("The project asks for what only you may allow.", hint="amalfa trust", problems=asked)
    warnings = [{"path": one.path, "line": one.line, "message": one.message} for one in examined.warnings]
    invocation.show({"path": str(project.config), "problems": [], "warnings": warnings}, f"{project.config} is fine.")


def _pipeline_problems(examined: "Examined") -> tuple[Problem, ...]:
    """What is wrong inside the pipelines, which sonar would refuse to load as well."""
    if examined.loaded is None or not (examined.loaded.pipelines or examined.loaded.unreadable_pipelines):
        return ()
    from amalfa.pipelines.loading import pipelines_of  # few configurations have any

    try:
        pipelines_of(examined.loaded)
    except InvalidConfig as error:
        return error.problems
    return ()


@command("get", examples="amalfa config get sonar.model")
@click.argument("key")
def get(key: str) -> None:
    """Print one value, or a group of them as JSON. Secrets are masked."""
    from amalfa.config.load import load
    from amalfa.config.loaded import get as get_value

    invocation = current()
    value = get_value(load(this_project(invocation), environ=invocation.environ), key)
    invocation.show(value, value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))


@command("set", examples='amalfa config set docs.sources \'["docs", "notes"]\'')
@click.argument("key")
@click.argument("value")
def set_value(key: str, value: str) -> None:
    """Change one value in the file, keeping its comments and order. VALUE is read as JSON where it is JSON.

    A value that does not fit changes nothing. A running sonar takes the new one over within a second.
    """
    from amalfa.config.edit import set_value as edit

    invocation = current()
    path = edit(this_project(invocation), key, value, environ=invocation.environ)
    invocation.show({"path": str(path), "key": key}, f"{key} is set in {path}.")


@command("path", examples="$EDITOR $(amalfa config path)")
def path() -> None:
    """Print where the configuration file is."""
    invocation = current()
    project = this_project(invocation)
    invocation.show(
        {"path": str(project.config), "root": str(project.root), "exists": project.config.exists()},
        str(project.config),
    )


@command("schema", examples="amalfa config schema > amalfa.schema.json")
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from amalfa.config.schema import make_schema

    invocation = current()
    made = make_schema()
    invocation.show(made, json.dumps(made, indent=2, ensure_ascii=False))
