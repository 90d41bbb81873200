"""`amalfa extract`: what a text says, in the form of a JSON Schema."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import click

from amalfa.cli.call_options import Wishes, call_options
from amalfa.cli.following import follow
from amalfa.cli.invocation import Invocation, current
from amalfa.cli.lazy import command
from amalfa.cli.piped import read_all
from amalfa.cli.project_files import below_root, read_text
from amalfa.cli.provenance import provenance_lines
from amalfa.cli.reach import Reached, reach
from amalfa.cli.safe_text import safe_json
from amalfa.cli.spinner import Spinner
from amalfa.cli.views import NoView
from amalfa.client.document import Document
from amalfa.errors import NoProvider, TooLarge, UsageProblem

EXAMPLES = """
amalfa extract --schema invoice.schema.json invoice.txt
amalfa extract --schema person.json "Ada Lovelace, born in 1815"
pdftotext order.pdf - | amalfa extract --schema order.json - | jq .total
"""
TEXT_MAX_CHARACTERS = 100_000
"""What sonar takes; it would say the same, but only after it was started and sent all of it."""

STDIN = 0
_PROBLEMS_SHOWN = 3


@command("extract", examples=EXAMPLES)
@click.argument("text", required=False, metavar="[TEXT|FILE|-]")
@click.option("--schema", "schema_file", required=True, metavar="FILE", help="The JSON Schema of what is wanted.")
@call_options
def extract(text: str | None, schema_file: str, **flags: Any) -> None:
    """Put what a text says into the form of a JSON Schema, and print it as JSON.

    The text is that of FILE when there is such a file, else TEXT itself; `-` and a pipe are standard input. The
    schema may be any whose value is an object or a list. What is printed is valid against it.
    """
    invocation = current()
    wishes = Wishes(flags)
    schema = read_schema(schema_file)
    given = _given_text(text, invocation)
    reached = reach(invocation)
    inside = below_root(text, reached.project.root) if text and text != "-" and _is_file(text) else None
    # A file of the project goes along with its name, so that its privacy applies.
    named = {} if inside is None else {"path": inside}
    reply = _run(reached, {"schema": schema, "text": given, **named}, wishes)
    if "value" not in reply.item("output"):
        raise NoProvider("The model gave an empty reply.", hint="try another -m MODEL")
    _show(invocation, reply)


def read_schema(path: str) -> object:
    """The schema in a file, comments and trailing commas allowed. Raises UsageProblem; what it says is not checked."""
    from amalfa.config.jsonc import read_json

    document = read_json(read_text(path), name=path)
    if document.root is None or document.problems:
        # The reader speaks of configurations, as it is theirs first of all.
        told = [str(problem).replace("configuration", "schema") for problem in document.problems[:_PROBLEMS_SHOWN]]
        raise UsageProblem(f"The schema is not JSON. {'; '.join(told)}.", hint=f"mend {path}")
    if not isinstance(document.root.value, dict | bool):
        raise UsageProblem(f"{path} holds no JSON Schema: that is an object, or true.", hint="name a JSON Schema")
    return document.root.value


def _given_text(text: str | None, invocation: Invocation) -> str:
    found = _text_of(text, invocation)
    if not found.strip():
        raise UsageProblem("The text is empty.", hint="amalfa extract --schema FILE TEXT")
    if len(found) > TEXT_MAX_CHARACTERS:
        raise TooLarge(
            f"The text has {len(found):,} characters; extract takes at most {TEXT_MAX_CHARACTERS:,}.",
            hint="pass the part that matters",
        )
    return found


def _text_of(text: str | None, invocation: Invocation) -> str:
    if text is None and not _has_input():
        raise UsageProblem("There is no text.", hint="amalfa extract --schema FILE TEXT, or pipe it in")
    if text is None or text == "-":
        if os.isatty(STDIN):
            invocation.note("Reading standard input; Ctrl-D ends it.", style="dim")
        return read_all(STDIN)
    if _is_file(text):
        return read_text(text)
    if Path(text[:1000]).suffix and not text[1000:] and len(text.split()) == 1:
        invocation.note(f"There is no file {text}; the word itself is read.")
    return text


def _has_input() -> bool:
    """Whether something was piped in. Without a TEXT it is waited for, as it is the only one there can be."""
    try:
        mode = os.fstat(STDIN).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)


def _is_file(text: str) -> bool:
    """Whether the text names a file. Raises UsageProblem for a folder."""
    try:
        if text.strip() and Path(text).is_dir():
            raise UsageProblem(f"{text} is a folder.", hint="name one file")
        return bool(text.strip()) and Path(text).exists()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _run(reached: Reached, given: dict[str, object], wishes: Wishes) -> Document:
    invocation = reached.invocation
    body: dict[str, object] = {"input": given, **wishes.fields()}
    with Spinner(invocation.err, is_wanted=not invocation.is_quiet) as spinner:
        spinner.phase("waiting for sonar")
        with reached.stream("/sonar/tasks/extract", body, timeout_s=wishes.patience_s) as events:
            return Document(follow(events, spinner=spinner, view=NoView()).output)


def _show(invocation: Invocation, reply: Document) -> None:
    if invocation.is_json:
        invocation.show_json(reply.fields())
        return
    indent = 2 if invocation.out.is_live else None
    value = json.dumps(reply.item("output").raw("value"), ensure_ascii=False, indent=indent)
    invocation.write(safe_json(value) + "\n")
    for line in provenance_lines(reply):
        invocation.note(line, style="dim")
