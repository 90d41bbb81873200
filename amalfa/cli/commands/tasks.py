"""The tasks as commands, one call each: analyze, metadata, snippet, synthesize."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from amalfa.cli.answer import check_answer, show_answer
from amalfa.cli.call_options import Wishes, call_options
from amalfa.cli.fields import fields_text
from amalfa.cli.following import Followed, follow
from amalfa.cli.invocation import current
from amalfa.cli.lazy import command
from amalfa.cli.piped import read_all
from amalfa.cli.project_files import below_root, read_text
from amalfa.cli.provenance import provenance_lines
from amalfa.cli.reach import Reached, reach
from amalfa.cli.safe_text import safe, safe_line
from amalfa.cli.sources import place
from amalfa.cli.spinner import Spinner
from amalfa.cli.views import NoView, View, streaming_view
from amalfa.client.document import Document
from amalfa.errors import NoProvider, NothingFound, UsageProblem

_FILE = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)


@command("analyze", examples='amalfa analyze "why does the deploy hang on Fridays" --json')
@click.argument("query")
@call_options
def analyze(query: str, **flags: Any) -> None:
    """Tell what a search query is after: intent, entities, keywords, level, filters, other wordings."""
    if not query.strip():
        raise UsageProblem("The query is empty.", hint='amalfa analyze "WORDS"')
    reached = reach(current())
    _show_fields(reached, _run(reached, "analyze", {"query": query.strip()}, Wishes(flags)))


@command(
    "metadata",
    examples="amalfa metadata notes/deploy.md --json\namalfa metadata notes --limit 10\namalfa metadata notes --write",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE|DIR", type=click.Path(exists=True, allow_dash=True))
@call_options
@click.option("--write", is_flag=True, help="Merge the description into the YAML front matter of each note.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Describe at most N notes that changed.")
@click.option("-y", "--yes", "is_granted", is_flag=True, help="Spend what it costs without asking.")
def metadata(files: tuple[str, ...], *, write: bool, limit: int | None, is_granted: bool, **flags: Any) -> None:
    """Describe notes: title, summary, keywords, themes, kind, depth, audience, entities, related notes.

    One FILE is described at once and printed; it may be `-` for standard input. Several, or a folder, become a job
    that goes on in the background when you leave with Ctrl-C. Unchanged notes are not asked about again.

    --write keeps every other byte of a note, and every key you have set yourself.
    """
    is_job = len(files) > 1 or Path(files[0]).is_dir()
    if is_job and current().no_daemon:
        raise UsageProblem("Several notes are a job, and jobs are done by the daemon.", hint="leave out --no-daemon")
    reached = reach(current())
    if is_job:
        from amalfa.cli.describing import describe_many

        describe_many(reached, files, Wishes(flags), limit=limit, is_write=write, is_granted=is_granted)
        return
    given = _path_or_text(files[0], reached)
    if not write:
        _show_fields(reached, _run(reached, "metadata", given, Wishes(flags)))
        return
    from amalfa.cli.describing import NoteToWrite

    note = NoteToWrite(reached, files[0])
    reply = _run(reached, "metadata", given, Wishes(flags))
    _show_fields(reached, reply)
    note.write(reply.item("output"))


@command("snippet", examples='amalfa snippet "how long are backups kept" notes/backup.md')
@click.argument("query")
@click.argument("file", type=_FILE)
@call_options
def snippet(query: str, file: str, **flags: Any) -> None:
    """Find the lines of a file that best answer a query, word for word. FILE may be `-` for standard input."""
    if not query.strip():
        raise UsageProblem("The query is empty.", hint='amalfa snippet "WORDS" FILE')
    reached = reach(current())
    given = {"query": query.strip(), **_path_or_text(file, reached)}
    reply = _run(reached, "snippet", given, Wishes(flags))
    output = reply.item("output")
    if not output.text("snippet").strip():
        raise NothingFound(f"Nothing in {file} answers that.", hint="ask in other words")
    _show(reached, reply, lambda: _snippet_text(output, reached, file))


@command("synthesize", examples='amalfa synthesize "Where do they disagree?" notes/a.md notes/b.md')
@click.argument("question")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@call_options
@click.option("--explain", is_flag=True, help="Print why this model, and why not each other one.")
def synthesize(question: str, files: tuple[str, ...], *, explain: bool, **flags: Any) -> None:
    """Answer a question from the files given, and nothing else, with citations."""
    if not question.strip():
        raise UsageProblem("The question is empty.", hint='amalfa synthesize "QUESTION" FILE')
    invocation = current()
    reached = reach(invocation)
    given = {"question": question.strip(), **_paths_or_passages(files, reached)}
    view = NoView() if invocation.is_json else streaming_view(invocation)
    followed = _follow(reached, "synthesize", given, wishes=Wishes(flags), view=view)
    reply = Document(followed.output)
    answer = Document({**reply.item("output").fields(), **_without(reply, "output")})
    show_answer(reached, answer, shown=followed.shown, is_explained=explain)
    check_answer(invocation, answer)


def _path_or_text(file: str, reached: Reached) -> dict[str, object]:
    if file == "-":
        return {"text": read_all(0)}
    inside = below_root(file, reached.project.root)
    return {"text": read_text(file)} if inside is None else {"path": inside}


def _paths_or_passages(files: tuple[str, ...], reached: Reached) -> dict[str, object]:
    """Notes by their path, so that their privacy applies. One file from elsewhere makes all of them passages."""
    inside = [below_root(file, reached.project.root) for file in files]
    if all(path is not None for path in inside):
        return {"paths": inside}
    if any(path is not None for path in inside):
        raise UsageProblem("Some files are notes of this project and some are not.", hint="name only one kind")
    return {"passages": [{"path": Path(file).name, "text": read_text(file)} for file in files]}


def _run(reached: Reached, task: str, given: dict[str, object], wishes: Wishes) -> Document:
    return Document(_follow(reached, task, given, wishes=wishes, view=NoView()).output)


def _follow(reached: Reached, task: str, given: dict[str, object], *, wishes: Wishes, view: View) -> Followed:
    invocation = reached.invocation
    body: dict[str, object] = {"input": given, **wishes.fields()}
    with Spinner(invocation.err, is_wanted=not invocation.is_quiet) as spinner:
        spinner.phase("waiting for sonar")
        with reached.stream(f"/sonar/tasks/{task}", body, timeout_s=wishes.patience_s) as events:
            return follow(events, spinner=spinner, view=view)


def _show_fields(reached: Reached, reply: Document) -> None:
    if not reply.item("output"):
        raise NoProvider("The model gave an empty reply.", hint="try another -m MODEL")
    _show(reached, reply, lambda: safe(fields_text(reply.item("output"), width=reached.invocation.out.width)))


def _show(reached: Reached, reply: Document, text: Callable[[], str]) -> None:
    """Print a task's reply; `text` gives it in safe words."""
    invocation = reached.invocation
    if invocation.is_json:
        invocation.show_json(reply.fields())
    else:
        invocation.write(text().rstrip("\n") + "\n")
        for line in provenance_lines(reply):
            invocation.note(line, style="dim")


def _snippet_text(output: Document, reached: Reached, file: str) -> str:
    screen, root = reached.invocation.out, str(reached.project.root)
    inside = below_root(file, reached.project.root)
    spot = Document({**output.fields(), "path": inside or file})
    confidence = output.number("confidence")
    sure = "" if confidence is None else f" (confidence {confidence:.2f})"
    where = safe_line(file) if inside is None else place(spot, screen, root)
    return f"{where}{sure}\n\n{safe(output.text('snippet'))}\n\n{safe(output.text('context'))}"


def _without(reply: Document, key: str) -> dict[object, object]:
    return {name: value for name, value in reply.fields().items() if name != key}
