"""`amalfa pipeline`: layered pipelines checked, drawn and run."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amalfa.cli.answer import check_answer, show_text
from amalfa.cli.call_options import Wishes, limit_options
from amalfa.cli.contents import PIPELINE
from amalfa.cli.following import Followed, follow
from amalfa.cli.hops_text import hops_text
from amalfa.cli.invocation import Invocation, current
from amalfa.cli.lazy import LazyGroup, command
from amalfa.cli.piped import read_all, read_offered
from amalfa.cli.provenance import provenance_lines
from amalfa.cli.reach import Reached, current_folder, reach
from amalfa.cli.safe_text import safe
from amalfa.cli.spinner import Spinner
from amalfa.cli.views import NoView, View, streaming_view
from amalfa.cli.wording import count
from amalfa.client.document import Document
from amalfa.client.failures import RemoteError
from amalfa.errors import InvalidConfig, Problem, UsageProblem

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from amalfa.cli.pipeline_source import Examined

ROUTE = "/sonar/pipelines/run"
STDIN = 0

pipeline = LazyGroup(
    name="pipeline",
    contents=PIPELINE,
    help="Layered pipelines: a router sends each prompt to the model it is for, and others refine or merge.",
    examples="""
        amalfa pipeline check pipeline.json
        amalfa pipeline show pipeline.json
        amalfa pipeline run pipeline.json "Write a haiku about the sea" --explain
    """,
)


def _names(context: click.Context, parameter: click.Parameter, typed: str) -> "list[CompletionItem]":
    from amalfa.cli.completing import pipelines  # loaded by a shell that completes, and by nothing else

    return pipelines(context, typed)


@command("check", examples="amalfa pipeline check pipeline.json\namalfa pipeline check --json")
@click.argument("files", nargs=-1, metavar="[FILE|NAME]...", shell_complete=_names)
def check(files: tuple[str, ...]) -> None:
    """List every problem of a pipeline with its line and node. Exit 8 when there is one. Needs no sonar.

    Without FILE or NAME: all pipelines of the configuration. What is only worth knowing is told as a note.
    """
    from amalfa.cli.pipeline_source import Shelf

    invocation = current()
    shelf = Shelf(invocation)
    wanted = files or shelf.names
    if not wanted:
        raise UsageProblem("No pipeline is configured.", hint="amalfa pipeline check FILE")
    examined = [shelf.examined(one) for one in wanted]
    for one in examined:
        for note in one.notes:
            invocation.note(f"Note: {note}")
    problems = tuple(problem for one in examined for problem in one.problems)
    if problems:
        names = ", ".join(one.name for one in examined if one.problems)
        what = f"{count(len(problems), 'problem')} in {names}."
        raise InvalidConfig(what, hint=f"edit {problems[0].path}", problems=problems)
    text = "\n".join(f"{one.path}: {_good(one)}" for one in examined)
    invocation.show({"pipelines": [_checked(one) for one in examined]}, text)


@command("show", examples="amalfa pipeline show pipeline.json\namalfa pipeline show desk --json")
@click.argument("file", metavar="FILE|NAME", shell_complete=_names)
def show(file: str) -> None:
    """Draw the layers of a pipeline: its nodes, their models, and where each leads. Needs no sonar."""
    from amalfa.cli.pipeline_drawing import drawing, fields_of
    from amalfa.cli.pipeline_source import Shelf, only_one

    invocation = current()
    examined = Shelf(invocation).examined(file)
    found = only_one(examined)
    text = "" if invocation.is_json else drawing(found, width=invocation.out.width, is_plain=not invocation.out.is_live)
    invocation.show(fields_of(found) | {"problems": _listed(examined.problems)}, text)
    if examined.problems and not invocation.is_json:
        what = f"It cannot run: {count(len(examined.problems), 'problem')}."
        invocation.note(f"{what} Fix: amalfa pipeline check {file}", style="yellow")


RUN_EXAMPLES = """
amalfa pipeline run pipeline.json "Write a haiku about the sea"
amalfa pipeline run desk "Which of these is wrong?" - --explain < cases.txt
amalfa pipeline run desk --team marketing --max-cost 0.01 "Three slogans for a kettle"
"""


@command("run", examples=RUN_EXAMPLES)
@click.argument("file", metavar="FILE|NAME", shell_complete=_names)
@click.argument("prompt", required=False)
@click.argument("dash", required=False, metavar="[-]")
@limit_options
@click.option("--no-stream", is_flag=True, help="Print the answer only when it is whole.")
@click.option("--explain", is_flag=True, help="Print each node's part in it: what it did, why, at what cost.")
def run(file: str, prompt: str | None, dash: str | None, **flags: Any) -> None:
    """Send a prompt through a pipeline and print the answer.

    Without PROMPT it is read from standard input; with both, what is piped in, or read for `-`, is put below it.
    """
    invocation = current()
    wishes = Wishes(flags)
    text = _text(prompt, dash, invocation)
    reached = reach(invocation)
    body = {"pipeline": _meant(file), "prompt": text, **wishes.fields()}
    view = NoView() if invocation.is_json or flags["no_stream"] else streaming_view(invocation)
    try:
        followed = _follow(reached, body, wishes, view)
    except RemoteError as error:
        if flags["explain"] and error.route:
            _show_hops(invocation, error.route)
        raise
    answer = Document(_told(Document(followed.output)))
    _show(invocation, answer, followed.shown, is_explained=flags["explain"])


def _text(prompt: str | None, dash: str | None, invocation: Invocation) -> str:
    """The prompt, with what standard input brings below it."""
    if dash not in (None, "-"):
        raise UsageProblem(f"Unexpected word {dash!r} after the prompt.", hint="put the prompt into quotes")
    reads_all = prompt in (None, "-") or dash == "-"
    if reads_all and os.isatty(STDIN):
        if prompt is None:
            raise UsageProblem("There is no prompt.", hint='amalfa pipeline run FILE "PROMPT"')
        invocation.note("Reading standard input; Ctrl-D ends it.", style="dim")
    brought = read_all(STDIN) if reads_all else read_offered(STDIN).text
    said = "" if prompt in (None, "-") else str(prompt)
    text = "\n\n".join(part.strip() for part in (said, brought) if part.strip())
    if not text:
        raise UsageProblem("The prompt is empty.", hint='amalfa pipeline run FILE "PROMPT"')
    return text


def _meant(file: str) -> str:
    """What sonar is told: a name as it is, a file by its whole path, as sonar works elsewhere."""
    path = Path(file).expanduser()
    is_path = path.is_file() or "/" in file or file.endswith((".json", ".jsonc", ".json5"))
    if is_path and not path.is_file():
        raise UsageProblem(f"There is no file {file}.", hint="amalfa pipeline check lists the configured ones")
    return str(current_folder() / path) if is_path else file


def _follow(reached: Reached, body: dict[str, object], wishes: Wishes, view: View) -> Followed:
    with Spinner(reached.invocation.err, is_wanted=not reached.invocation.is_quiet) as spinner:
        spinner.phase("waiting for sonar")
        with reached.stream(ROUTE, body, timeout_s=wishes.patience_s) as events:
            return follow(events, spinner=spinner, view=view)


def _told(output: Document) -> dict[str, object]:
    """What came of it, in the shape of every answer on the command line."""
    route = output.item("route")
    return {
        "answer": output.item("output").text("text"),
        "model": route.text("model"),
        "tier": route.text("tier"),
        "route": route.fields(),
        "usage": output.item("usage").fields(),
    }


def _show(invocation: Invocation, answer: Document, shown: str, *, is_explained: bool) -> None:
    check_answer(invocation, answer)
    if invocation.is_json:
        invocation.show_json(answer.fields())
    elif shown.strip() != answer.text("answer").strip():
        show_text(invocation, answer.text("answer"), "")
    if is_explained:
        _show_hops(invocation, answer.item("route"))
    for line in provenance_lines(answer):
        invocation.note(line, style="dim")


def _show_hops(invocation: Invocation, route: Document) -> None:
    """The trace goes to stderr, so that the answer can be piped on by itself."""
    width = invocation.err.width if invocation.err.is_live else 160
    invocation.warn(safe(hops_text(route.items("hops"), width=width)))


def _good(examined: "Examined") -> str:
    found = examined.pipeline
    nodes = sum(len(nodes) for _, nodes in found.layers) if found else 0
    return f"{examined.name} is fine: {count(nodes, 'node')} in {count(len(found.layers) if found else 0, 'layer')}."


def _checked(examined: "Examined") -> dict[str, object]:
    return {
        "name": examined.name,
        "path": examined.path,
        "problems": _listed(examined.problems),
        "notes": _listed(examined.notes),
    }


def _listed(problems: Sequence[Problem]) -> list[dict[str, object]]:
    return [{"path": one.path, "line": one.line, "message": one.message} for one in problems]
