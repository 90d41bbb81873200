"""Shows a finished answer: what was not streamed yet, its sources, where it came from, and whether it is one at all."""

import click

from amalfa.cli.invocation import Invocation
from amalfa.cli.provenance import explanation, provenance_lines
from amalfa.cli.reach import Reached
from amalfa.cli.safe_text import safe, safe_line
from amalfa.cli.sources import source_lines
from amalfa.cli.views import streaming_view
from amalfa.cli.wording import count, sentence
from amalfa.client.document import Document
from amalfa.errors import NoProvider, NothingFound
from amalfa.tasks.labels import Labels, labels_in


def show_answer(reached: Reached, answer: Document, *, shown: str, is_explained: bool) -> None:
    """Print the answer with its sources; in JSON, the whole output. `shown` is what was streamed already."""
    invocation = reached.invocation
    if invocation.is_json:
        if is_answered(answer) or answer.flag("refused"):
            invocation.show_json(answer.fields())
        return
    if not answer.flag("refused"):
        labels = show_text(invocation, answer.text("answer"), shown)
        sources = source_lines(answer.items("citations"), invocation.out, str(reached.project.root), labels)
        invocation.write(f"\n{sources}" if sources else "")
    if is_explained:
        show_explanation(invocation, answer.item("route"))
    for line in _remarks(answer) + ([] if answer.flag("refused") else provenance_lines(answer)):
        invocation.note(line, style="dim")


def show_text(invocation: Invocation, text: str, shown: str) -> Labels:
    """Print the answer unless it was streamed already, and return the labels its sources have in what is seen."""
    labels = labels_in(shown, text) if shown.strip() else None
    if labels is not None:
        return labels
    if shown.strip():
        invocation.note("The answer was corrected when its citations were checked:")
        invocation.write("\n")
    view = streaming_view(invocation)
    view.add(text)
    view.finish()
    return {}


def show_explanation(invocation: Invocation, route: Document) -> None:
    """Print why this model and not each other one, below whatever stands there."""
    invocation.write("\n" + safe(explanation(route, width=invocation.out.width)) + "\n")


def check_answer(invocation: Invocation, answer: Document) -> None:
    """Raise what makes the exit code of an answer that is none: NothingFound when refused, NoProvider when empty."""
    if answer.flag("refused"):
        if invocation.is_json:
            raise click.exceptions.Exit(NothingFound.exit_code)
        reason = answer.text("reason") or "the notes hold too little"
        raise NothingFound(
            f"Not answered: {sentence(reason)}{_nearest(answer)}", hint="add --allow-general, or ask in other words"
        )
    if not is_answered(answer):
        raise NoProvider("The model gave an empty answer.", hint="ask again with another -m MODEL")


def is_answered(answer: Document) -> bool:
    return bool(answer.text("answer").strip())


def _remarks(answer: Document) -> list[str]:
    remarks = [f"Warning: {sentence(warning)}" for warning in answer.texts("warnings")]
    dropped = answer.whole("dropped_citations") or 0
    if dropped:
        verb = "was" if dropped == 1 else "were"
        remarks.append(f"{count(dropped, 'citation')} could not be verified and {verb} left out.")
    if answer.flag("is_general"):
        remarks.append("This answer does not come from the notes.")
    steps = answer.items("steps")
    if steps:
        remarks.append(
            f"Searched in {count(len(steps), 'round')}: {'; '.join(q for s in steps for q in s.texts('queries'))}"
        )
    return remarks


def _nearest(answer: Document) -> str:
    titles = [
        f"{safe_line(note.text('title') or note.text('path'))} ({safe_line(note.text('path'))})"
        for note in answer.items("nearest")
    ]
    return f" Nearest notes: {', '.join(titles)}." if titles else ""
