"""`amalfa models`: the models sonar can use, local and cloud, and what is done with the local ones."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from amalfa.cli.contents import MODELS
from amalfa.cli.following import follow
from amalfa.cli.invocation import Invocation, current
from amalfa.cli.lazy import LazyGroup, command
from amalfa.cli.models_text import done_text, dry_run_text, model_page, models_table
from amalfa.cli.pulling import follow_pull, pull_view
from amalfa.cli.reach import Reached, reach
from amalfa.cli.safe_text import safe_line
from amalfa.cli.spinner import Spinner
from amalfa.cli.views import NoView
from amalfa.client.document import Document
from amalfa.errors import NothingFound

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

LOAD_S = 960.0
PIPE_WIDTH = 1000

models = LazyGroup(
    name="models",
    contents=MODELS,
    help="The models sonar can use: what they cost and can do, and where the local ones are.",
    examples="""
        amalfa models list
        amalfa models pull qwen2.5:1.5b
        amalfa models load qwen2.5:1.5b --dry-run
    """,
)


def _names(context: click.Context, parameter: click.Parameter, typed: str) -> "list[CompletionItem]":
    from amalfa.cli.completing import models as known  # loaded by a shell that completes, and by nothing else

    return known(context, typed)


def _host_option(text: str) -> Callable[[Any], Any]:
    return click.option("--host", metavar="HOST", help=text)


_dry_run = click.option("--dry-run", is_flag=True, help="Say what would happen, and do nothing.")


@command("list", examples="amalfa models list\namalfa models list qwen --json\namalfa models list --all")
@click.argument("words", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Every model somebody knows of, not only those at hand.")
def list_models(words: tuple[str, ...], *, is_all: bool) -> None:
    """List the models at hand: installed at a host, or named in the configuration.

    With WORDS, every model known whose name holds all of them. Prices are USD per million tokens.
    """
    invocation = current()
    reached = reach(invocation)
    asked = "&".join(filter(None, ("all=true" if is_all else "", f"q={_quoted(' '.join(words))}" if words else "")))
    reply = _ask(reached, "GET", f"/sonar/models{'?' + asked if asked else ''}", "asking the hosts")
    found = Document(reply)
    rows = found.items("models")
    if invocation.is_json:
        invocation.show_json(reply)
    elif rows:
        # A pipe has no edge to break lines at, and programs like one line for each model.
        width = invocation.out.width if invocation.out.is_live else PIPE_WIDTH
        invocation.show(None, models_table(rows, width=width))
    for host in found.items("unreachable"):
        invocation.note(f"{safe_line(host.text('url'))}: {safe_line(host.text('reason'))}", style="yellow")
    if not rows:
        if invocation.is_json:
            raise click.exceptions.Exit(NothingFound.exit_code)
        raise NothingFound(f"No model is called like {' '.join(words)!r}.", hint="amalfa models list --all")


@command("info", examples="amalfa models info qwen2.5:1.5b")
@click.argument("model", shell_complete=_names)
def info(model: str) -> None:
    """Tell everything that is known of one model: size, abilities, price, and where it is in memory."""
    invocation = current()
    reached = reach(invocation)
    reply = _ask(reached, "GET", f"/sonar/models/{_quoted(model)}", "asking the hosts")
    invocation.show(reply, model_page(Document(reply)))


@command("load", examples="amalfa models load qwen2.5:1.5b\namalfa models load llama3:8b --dry-run")
@click.argument("model", shell_complete=_names)
@_host_option("At this host; part of its address is enough.")
@_dry_run
def load(model: str, *, host: str | None, dry_run: bool) -> None:
    """Bring an installed model into memory, so that the next answer begins at once.

    Says which other models may have to leave. Without --host, the host that the next call would go to.
    """
    invocation = current()
    reached = reach(invocation)
    body, path = _body(host, dry_run), _path(model, "load")
    with (
        Spinner(invocation.err, is_wanted=not invocation.is_quiet) as spinner,
        reached.stream(path, body, timeout_s=LOAD_S) as events,
    ):
        spinner.phase("asking the hosts")
        output = follow(events, spinner=spinner, view=NoView()).output
    _show_done(invocation, Document(output))


@command("unload", examples="amalfa models unload qwen2.5:1.5b\namalfa models unload qwen2.5:1.5b --force")
@click.argument("model", shell_complete=_names)
@_host_option("At this host only; part of its address is enough.")
@click.option("--force", is_flag=True, help="Also while calls of sonar use it; they are finished first.")
@_dry_run
def unload(model: str, *, host: str | None, force: bool, dry_run: bool) -> None:
    """Take a model out of memory, at every host that holds it. It stays installed."""
    invocation = current()
    reached = reach(invocation)
    body = _body(host, dry_run) | ({"force": True} if force else {})
    reply = _ask(reached, "POST", _path(model, "unload"), "asking the hosts", body)
    _show_done(invocation, Document(reply))


@command("pull", examples="amalfa models pull qwen2.5:1.5b\namalfa models pull qwen2.5:1.5b --host all")
@click.argument("model", shell_complete=_names)
@_host_option("To this host, or `all`; else to the first that is up.")
@_dry_run
def pull(model: str, *, host: str | None, dry_run: bool) -> None:
    """Download a model to an Ollama host. Ctrl-C stops it; the next pull goes on from there."""
    invocation = current()
    reached = reach(invocation)
    body, path = _body(host, dry_run), _path(model, "pull")
    try:
        with reached.stream(path, body, timeout_s=None) as events:
            told = follow_pull(events, pull_view(invocation))
    except KeyboardInterrupt:
        invocation.note(f"\nThe download stops here; `amalfa models pull {model}` goes on with it.")
        raise
    _show_done(invocation, told)


def _show_done(invocation: Invocation, told: Document) -> None:
    if told.flag("dry_run"):
        invocation.show(told.fields(), dry_run_text(told))
        return
    for warning in told.texts("warnings"):
        invocation.warn(f"Warning: {safe_line(warning)}")
    invocation.show(told.fields(), done_text(told))


def _ask(reached: Reached, method: str, path: str, phase: str, body: object = None) -> object:
    with Spinner(reached.invocation.err, is_wanted=not reached.invocation.is_quiet) as spinner:
        spinner.phase(phase)
        return reached.request(method, path, body)


def _body(host: str | None, dry_run: bool) -> dict[str, object]:
    return ({"host": host} if host else {}) | ({"dryRun": True} if dry_run else {})


def _path(model: str, action: str) -> str:
    return f"/sonar/models/{_quoted(model)}/{action}"


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text.strip(), safe="")
