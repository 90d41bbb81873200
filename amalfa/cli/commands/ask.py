"""`amalfa ask`: a question from the shell to the notes."""

import os
from dataclasses import dataclass
from typing import Any

import click

from amalfa.cli.answer import check_answer, show_answer, show_explanation
from amalfa.cli.call_options import Wishes, call_options
from amalfa.cli.following import Followed, follow
from amalfa.cli.invocation import Invocation, current
from amalfa.cli.lazy import command
from amalfa.cli.piped import Piped, read_all, read_offered
from amalfa.cli.project_files import within_root
from amalfa.cli.reach import Reached, reach
from amalfa.cli.sources import whole_passages
from amalfa.cli.spinner import Spinner
from amalfa.cli.views import NoView, View, streaming_view
from amalfa.client.document import Document
from amalfa.client.failures import RemoteError
from amalfa.errors import NothingFound, UsageProblem

EXAMPLES = """
amalfa ask "How do I rotate the keys?"
amalfa ask "What changed in the deploy?" --in 'runbooks/**' --explain
git diff | amalfa ask "Which of our rules does this break?" -
amalfa ask -c "And on Fridays?" --local
"""
LATEST_SESSION = "last"
STDIN = 0


@command("ask", examples=EXAMPLES)
@click.argument("question")
@click.argument("dash", required=False, metavar="[-]")
@call_options
@click.option("--task", type=click.Choice(["synthesize", "research"]), help="research searches in several rounds.")
@click.option(
    "--in", "within", type=click.Path(), multiple=True, metavar="PATH|GLOB", help="Only these notes; may be repeated."
)
@click.option("-n", "count", type=click.IntRange(1, 20), metavar="K", help="Answer from at most K passages.")
@click.option("-c", "--continue", "is_continued", is_flag=True, help="Go on with the last conversation.")
@click.option("--no-stream", is_flag=True, help="Print the answer only when it is whole.")
@click.option("--explain", is_flag=True, help="Print why this model, and why not each other one.")
@click.option("--context-only", is_flag=True, help="Print what would be sent; ask no model.")
@click.option("--allow-general", is_flag=True, help="Answer without the notes when they hold nothing.")
def ask(question: str, dash: str | None, **flags: Any) -> None:
    """Answer a question from the notes, with citations.

    Text piped in, or read for `-`, is brought along as context. A QUESTION of `-` is read from standard input.
    """
    invocation = current()
    wishes = Wishes(flags)
    brought = bring(question, dash, invocation)
    reached = reach(invocation)
    body = brought.fields() | wishes.fields() | _fields(flags, reached)
    if flags["context_only"]:
        _show_context(reached, body, wishes.patience_s)
        return
    view = NoView() if invocation.is_json or flags["no_stream"] else streaming_view(invocation)
    try:
        followed = _follow(reached, body, wishes, view)
    except RemoteError as error:
        if flags["explain"] and error.route and not invocation.is_json:
            show_explanation(invocation, error.route)
        raise
    answer = Document(followed.output)
    show_answer(reached, answer, shown=followed.shown, is_explained=flags["explain"])
    check_answer(invocation, answer)


@dataclass(frozen=True, slots=True)
class Brought:
    """What the person says: the question, and text they bring along."""

    question: str
    context: str

    def fields(self) -> dict[str, object]:
        fields: dict[str, object] = {"question": self.question}
        if self.context:
            fields["context"] = self.context
        return fields


def bring(question: str, dash: str | None, invocation: Invocation) -> Brought:
    """Read standard input as far as the command line and the kind of input ask for it."""
    if dash not in (None, "-"):
        raise UsageProblem(f"Unexpected word {dash!r} after the question.", hint=f'amalfa ask "{question} {dash} ..."')
    if question == "-" and dash:
        raise UsageProblem("Standard input cannot be both question and context.", hint='amalfa ask "QUESTION" -')
    if "-" in (question, dash) and os.isatty(STDIN):
        invocation.note("Reading standard input; Ctrl-D ends it.", style="dim")
    if question == "-":
        return Brought(_not_blank(read_all(STDIN)), "")
    if dash:
        return Brought(_not_blank(question), read_all(STDIN).strip())
    offered = read_offered(STDIN)
    _tell_about(offered, invocation)
    return Brought(_not_blank(question), offered.text.strip())


def _follow(reached: Reached, body: dict[str, object], wishes: Wishes, view: View) -> Followed:
    invocation = reached.invocation
    with Spinner(invocation.err, is_wanted=not invocation.is_quiet) as spinner:
        spinner.phase("waiting for sonar")
        with reached.stream("/sonar/ask", body, timeout_s=wishes.patience_s) as events:
            return follow(events, spinner=spinner, view=view)


def _not_blank(question: str) -> str:
    if not question.strip():
        raise UsageProblem("The question is empty.", hint='amalfa ask "How do I …?"')
    return question.strip()


def _tell_about(offered: Piped, invocation: Invocation) -> None:
    if offered.is_cut_short:
        invocation.note(f"Standard input went quiet; {len(offered.text):,} characters of it are used. Add - to wait.")
    elif offered.is_ignored and invocation.err.is_live:
        invocation.note("Standard input said nothing and is left out. Add - to wait for it.", style="dim")


def _fields(flags: dict[str, Any], reached: Reached) -> dict[str, object]:
    fields = {
        "task": flags["task"],
        "within": [within_root(pattern, reached.project.root) for pattern in flags["within"]],
        "k": flags["count"],
        "session": LATEST_SESSION if flags["is_continued"] else None,
        "allowGeneral": flags["allow_general"],
        "contextOnly": flags["context_only"],
    }
    return {name: value for name, value in fields.items() if value}


def _show_context(reached: Reached, body: dict[str, object], timeout_s: float | None) -> None:
    invocation = reached.invocation
    with Spinner(invocation.err, is_wanted=not invocation.is_quiet) as spinner:
        spinner.phase("searching")
        reply = reached.request("POST", "/sonar/ask", body, timeout_s=timeout_s or 120.0)
    found = Document(reply)
    if invocation.is_json:
        invocation.show_json(reply)
    else:
        invocation.write(whole_passages(found.items("passages"), invocation.out, str(reached.project.root)))
    if not found.flag("sufficient"):
        reason = found.text("reason") or "too little was found"
        if invocation.is_json:
            raise click.exceptions.Exit(NothingFound.exit_code)
        raise NothingFound(f"Nothing would be sent: {reason}.", hint="ask in other words, or add --allow-general")
