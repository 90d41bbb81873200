"""`amalfa route`: which model would answer, why, and at what cost, without asking any."""

import os
from pathlib import Path
from typing import Any

import click

from amalfa.cli.call_options import Wishes, plan_options
from amalfa.cli.invocation import Invocation, current
from amalfa.cli.lazy import command
from amalfa.cli.outlook import changes_text, outlook_text, rows_text, totals_of
from amalfa.cli.piped import read_all
from amalfa.cli.prompts_file import CHOICES, Line, batches, read_prompts
from amalfa.cli.reach import Reached, reach
from amalfa.cli.spinner import Spinner
from amalfa.client.document import Document
from amalfa.errors import AmalfaError, NoProvider, OverBudget, UsageProblem
from amalfa.paths import CONFIG_NAME

EXAMPLES = """
amalfa route "Summarise our deploy guide"
amalfa route "Which intent?" --task analyze --team marketing
amalfa route --file prompts.jsonl --against next.config.json
"""
ROUTE = "/sonar/route"
PATIENCE_S = 60.0
ONE_LINE_EACH = 10_000
"""In a pipe every row is one line, however long, for those who cut and count lines."""

Rows = list[dict[object, object]]


@command("route", examples=EXAMPLES)
@click.argument("prompt", required=False)
@plan_options
@click.option("--task", type=click.Choice(CHOICES["task"]), help="The task it would be; else synthesize.")
@click.option("--privacy", type=click.Choice(CHOICES["privacy"]), help="How far the text may travel.")
@click.option("--file", "file", type=click.Path(), metavar="FILE", help="Decide many prompts: JSON lines, - for stdin.")
@click.option("--against", type=click.Path(), metavar="CONFIG", help="Show what another configuration would change.")
def route(prompt: str | None, **flags: Any) -> None:
    """Show which model would get a prompt and why, who else, who not, and the likely cost. No model is asked.

    A line of FILE is a string or an object: prompt, task, model, prefer, team, hint, privacy, maxCostUsd. Options
    hold for the lines that do not say otherwise.
    """
    invocation = current()
    wishes = Wishes(flags)
    lines = _lines(prompt, flags, wishes, invocation)
    reached = reach(invocation)
    patience_s = wishes.patience_s or PATIENCE_S
    if flags["against"] is not None:
        _show_changes(reached, lines, _config_path(flags["against"]), patience_s)
    elif flags["file"] is not None:
        _show_rows(reached, lines, patience_s)
    else:
        _show_outlook(reached, lines[0], patience_s)


def _lines(prompt: str | None, flags: dict[str, Any], wishes: Wishes, invocation: Invocation) -> list[Line]:
    """What is to be decided; a single prompt is line 1."""
    if (prompt is None) == (flags["file"] is None):
        raise UsageProblem("Give either a prompt or --file.", hint='amalfa route "PROMPT"')
    terms = {name: value for name, value in wishes.fields().items() if name != "timeoutMs"}
    terms |= {name: flags[name] for name in ("task", "privacy") if flags[name]}
    if "-" in (prompt, flags["file"]) and os.isatty(0):
        invocation.note("Reading standard input; Ctrl-D ends it.", style="dim")
    if prompt is None:
        return read_prompts(flags["file"], terms)
    text = read_all(0) if prompt == "-" else prompt
    if not text.strip():
        raise UsageProblem("The prompt is empty.", hint='amalfa route "PROMPT"')
    return [Line(1, {**terms, "prompt": text})]


def _show_outlook(reached: Reached, line: Line, patience_s: float) -> None:
    invocation = reached.invocation
    with _deciding(invocation):
        outlook = Document(reached.request("POST", ROUTE, dict(line.call), timeout_s=patience_s))
    invocation.show(outlook.fields(), outlook_text(outlook, width=invocation.out.width))
    failure = _failure(outlook)
    if failure is not None and invocation.is_json:
        raise click.exceptions.Exit(failure.exit_code)
    if failure is not None:
        raise failure


def _failure(outlook: Document) -> AmalfaError | None:
    """The error that the call itself would end in."""
    if outlook.text("model"):
        return None
    if outlook.text("overBudget"):
        return OverBudget(
            f"A limit on money forbids it: {outlook.text('overBudget')}.",
            hint="raise the limit, or allow a cheaper model",
        )
    return NoProvider("No model could serve this.", hint="amalfa doctor")


def _show_rows(reached: Reached, lines: list[Line], patience_s: float) -> None:
    invocation = reached.invocation
    rows: Rows = []
    with _deciding(invocation):
        for batch in batches(lines):
            reply = Document(reached.request("POST", ROUTE, _body(batch), timeout_s=patience_s))
            rows += _numbered(reply.items("decisions"), batch)
    told = [Document(row) for row in rows]
    _refuse_misnamed(told)
    totals = totals_of(told).fields() if invocation.is_json else {}
    text = "" if invocation.is_json else rows_text(told, width=_table_width(invocation))
    invocation.show({"decisions": rows, "totals": totals}, text)


def _show_changes(reached: Reached, lines: list[Line], against: str, patience_s: float) -> None:
    invocation = reached.invocation
    changed: Rows = []
    decided: Rows = []
    with _deciding(invocation):
        for batch in batches(lines):
            body = {**_body(batch), "against": against}
            reply = Document(reached.request("POST", ROUTE, body, timeout_s=patience_s))
            changed += _numbered(reply.items("changed"), batch)
            decided += _numbered(reply.items("decisions"), batch)
    told = [Document(row) for row in changed]
    # What one of the two configurations knows is a difference; what neither knows is misspelt.
    differing = {row.whole("line") for row in told}
    _refuse_misnamed([row for row in map(Document, decided) if row.whole("line") not in differing])
    text = changes_text(told, calls=len(lines), against=against, width=_table_width(invocation))
    invocation.show({"against": against, "calls": len(lines), "changed": changed}, text)


def _body(batch: list[Line]) -> dict[str, object]:
    return {"calls": [line.call for line in batch]}


def _numbered(told: list[Document], batch: list[Line]) -> Rows:
    """What sonar says of a batch, with line numbers in place of places in the batch."""
    rows: Rows = []
    for one in told:
        fields = one.fields()
        index = fields.pop("index", None)
        if isinstance(index, int) and 0 <= index < len(batch):
            rows.append({"line": batch[index].number, **fields})
    return rows


def _refuse_misnamed(rows: list[Document]) -> None:
    """A team, hint or task that there is not is a mistake in the file, which its line helps to find."""
    for row in rows:
        if row.text("code") in ("usage", "not_found"):
            raise UsageProblem(f"Line {row.whole('line')}: {row.text('reason')}")


def _table_width(invocation: Invocation) -> int:
    return invocation.out.width if invocation.out.is_live else ONE_LINE_EACH


def _config_path(written: str) -> str:
    """The other file from the root on; a folder means the configuration in it."""
    path = Path(os.path.abspath(Path(written).expanduser()))  # noqa: PTH100 - a link keeps its own folder
    return str(path / CONFIG_NAME if path.is_dir() else path)


def _deciding(invocation: Invocation) -> Spinner:
    spinner = Spinner(invocation.err, is_wanted=not invocation.is_quiet)
    spinner.phase("deciding")
    return spinner
