"""`amalfa search` and `amalfa index`: the notes themselves, without any model."""

import click

from amalfa.cli.contents import INDEX
from amalfa.cli.invocation import current
from amalfa.cli.lazy import LazyGroup, command
from amalfa.cli.project_files import within_root
from amalfa.cli.reach import reach
from amalfa.cli.safe_text import safe_line
from amalfa.cli.sources import passage_lines
from amalfa.cli.spinner import Spinner
from amalfa.cli.wording import count
from amalfa.client.document import Document
from amalfa.errors import NothingFound, UsageProblem

REBUILD_S = 3600.0

SEARCH_EXAMPLES = """
amalfa search "rotate keys"
amalfa search "rotate keys" -n 3 --in runbooks --json
"""


@command("search", examples=SEARCH_EXAMPLES)
@click.argument("query")
@click.option("-n", "limit", type=click.IntRange(1, 100), metavar="K", help="At most K passages.")
@click.option(
    "--in", "within", type=click.Path(), multiple=True, metavar="PATH|GLOB", help="Only these notes; may be repeated."
)
def search(query: str, limit: int | None, within: tuple[str, ...]) -> None:
    """Find passages in the notes, the best first, as path:start-end and heading. No model is asked."""
    if not query.strip():
        raise UsageProblem("The query is empty.", hint='amalfa search "WORDS"')
    invocation = current()
    reached = reach(invocation)
    wanted = {"k": limit, "within": [within_root(pattern, reached.project.root) for pattern in within]}
    body = {"query": query.strip()} | {name: value for name, value in wanted.items() if value}
    with Spinner(invocation.err, is_wanted=not invocation.is_quiet) as spinner:
        spinner.phase("searching")
        reply = Document(reached.request("POST", "/sonar/search", body))
    passages = reply.items("passages")
    if invocation.is_json:
        invocation.show_json([passage.fields() for passage in passages])
    else:
        invocation.write(passage_lines(passages, invocation.out, str(reached.project.root)))
    if not passages:
        if invocation.is_json:
            raise click.exceptions.Exit(NothingFound.exit_code)
        raise NothingFound(f"No note matches {query.strip()!r}.", hint="use other words, or see amalfa index status")


index = LazyGroup(
    name="index",
    contents=INDEX,
    help="Look at the notes index, or build it anew. Changed notes are indexed by themselves.",
    examples="amalfa index status",
)


@command("status", examples="amalfa index status --json")
def index_status() -> None:
    """Say how many notes and passages are indexed, how fresh that is, and which files were skipped, and why."""
    invocation = current()
    reached = reach(invocation)
    report = Document(reached.request("GET", "/sonar/index"))
    invocation.show(report.fields(), index_text(report))


@command("rebuild", examples="amalfa index rebuild")
def index_rebuild() -> None:
    """Read all notes again, and print the index as it then is."""
    invocation = current()
    reached = reach(invocation)
    with Spinner(invocation.err, is_wanted=not invocation.is_quiet) as spinner:
        spinner.phase("indexing all notes")
        report = Document(reached.request("POST", "/sonar/index/rebuild", timeout_s=REBUILD_S))
    invocation.show(report.fields(), index_text(report))


def index_text(report: Document) -> str:
    """The index in words, skipped files last."""
    notes, passages = report.whole("notes") or 0, report.whole("passages") or 0
    lines = [f"{count(notes, 'note')}, {count(passages, 'passage')}, updated {report.text('updated_at') or 'never'}."]
    stale = report.whole("stale") or 0
    if stale:
        lines.append(f"{count(stale, 'note is', 'notes are')} newer than the index.")
    if report.flag("indexing"):
        lines.append("Indexing is under way.")
    described = report.item("described")
    fresh, outdated = described.whole("with") or 0, described.whole("stale") or 0
    if fresh or outdated:
        earlier = f", {outdated} {'has' if outdated == 1 else 'have'} a description of an earlier text"
        lines.append(f"{count(fresh, 'note is', 'notes are')} described{earlier if outdated else ''}.")
    skipped = report.items("skipped")
    if skipped:
        lines.append(f"Skipped {count(len(skipped), 'file')}:")
    lines += [f"  {safe_line(one.text('path'))}: {safe_line(one.text('reason'))}" for one in skipped]
    return "\n".join(lines)
