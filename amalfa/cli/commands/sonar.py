"""`amalfa sonar`: the daemon's life, and how it is doing. `status` loads only click, sockets and JSON."""

from typing import TYPE_CHECKING

import click

from amalfa.cli.contents import SONAR
from amalfa.cli.invocation import Invocation, current
from amalfa.cli.lazy import LazyGroup, command
from amalfa.cli.reach import this_project
from amalfa.cli.wording import sentence
from amalfa.errors import InvalidConfig, NotRunning, UsageProblem

if TYPE_CHECKING:
    from amalfa.daemon.control import Running, StatusResult

sonar = LazyGroup(
    name="sonar",
    contents=SONAR,
    help="The daemon that does the work: one for each project, started by the first question.",
    examples="""
        amalfa sonar status
        amalfa sonar logs -f
        amalfa sonar restart --force
    """,
)


@command("start", examples="amalfa sonar start")
def start() -> None:
    """Start sonar in the background, and wait until it answers. One that runs already is left alone."""
    from amalfa.daemon import control

    invocation = current()
    running = control.start(this_project(invocation), invocation.environ)
    _show_running(invocation, running, "Sonar started" if running.started else "Sonar is already running")


@command("stop", examples="amalfa sonar stop")
def stop() -> None:
    """Stop sonar: nothing new is taken, running calls are finished for up to 10 s. Returns when it is gone."""
    from amalfa.daemon import control

    invocation = current()
    pid = control.stop(this_project(invocation), invocation.environ)
    text = "Sonar was not running." if pid is None else f"Sonar stopped (pid {pid})."
    invocation.show({"stopped": pid is not None, "pid": pid}, text)


@command("restart", examples="amalfa sonar restart --force")
@click.option("--force", is_flag=True, help="End a sonar that no longer answers as well.")
def restart(*, force: bool) -> None:
    """Stop sonar and start it anew. A key set in this shell since then reaches it that way."""
    from amalfa.daemon import control

    invocation = current()
    running = control.restart(this_project(invocation), invocation.environ, force=force)
    _show_running(invocation, running, "Sonar restarted")


@command("run", examples="amalfa sonar run")
def run() -> None:
    """Run sonar in the foreground until Ctrl-C, for a terminal or a service manager."""
    from amalfa.daemon import control

    invocation = current()
    control.run_in_foreground(this_project(invocation), dict(invocation.environ), invocation.note)


@command("status", examples="amalfa sonar status --json")
def status() -> None:
    """Say whether sonar runs, on which configuration, with which models, and how fresh the index is.

    Exit codes: 0 healthy, 1 unhealthy or not answering, 3 not running.
    """
    from amalfa.daemon import control

    invocation = current()
    found = control.status(this_project(invocation), invocation.environ)
    match found.state:
        case "not running":
            invocation.show({"running": False}, "Sonar is not running.")
            raise click.exceptions.Exit(NotRunning.exit_code)
        case "not answering":
            invocation.show(
                _stuck(found), f"Sonar is not answering (pid {found.pid or 'unknown'}). {sentence(found.reason)}"
            )
            invocation.note("Fix: amalfa sonar restart --force")
            raise click.exceptions.Exit(1)
    _show_status(invocation, found)
    if found.data.raw("healthy") is False:
        raise click.exceptions.Exit(1)


@command("reload", examples="amalfa sonar reload")
def reload() -> None:
    """Read the configuration again now, instead of when the edit is noticed. A bad one changes nothing."""
    from amalfa.client.failures import problem_from
    from amalfa.daemon import control

    invocation = current()
    reply = control.reload(this_project(invocation), invocation.environ)
    problems = tuple(problem_from(problem) for problem in reply.items("problems"))
    if problems:
        raise InvalidConfig(
            "The configuration was not taken over; the last good one is in force.",
            hint="amalfa config check",
            problems=problems,
        )
    invocation.show(reply.fields(), f"Configuration generation {reply.whole('generation')} is in force.")


@command("logs", examples="amalfa sonar logs -f -n 100")
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is logged, until Ctrl-C.")
@click.option("-n", "count", type=click.IntRange(0, 1_000_000), default=50, metavar="N", help="Begin N lines back.")
def logs(*, follow: bool, count: int) -> None:
    """Print the last lines of sonar's log, with or without a running sonar.

    A terminal shows them for reading; a pipe gets them as they are, one JSON object per line.
    """
    from amalfa.daemon import control
    from amalfa.daemon.log_reader import readable

    invocation = current()
    project = this_project(invocation)
    if invocation.is_json:
        if follow:
            raise UsageProblem("--follow never ends, so it has no one JSON object.", hint="amalfa sonar logs -f | cat")
        invocation.show_json({"lines": control.tail_log(project, invocation.environ, count)})
        return
    if not follow and not control.tail_log(project, invocation.environ, 1):
        invocation.note("There is no log yet: sonar has not run for this project.")
    read = control.follow_log if follow else control.tail_log
    for line in read(project, invocation.environ, count):
        # Indented, so that nothing inside an entry can pass for another entry.
        invocation.show(None, readable(line).replace("\n", "\n    ") if invocation.out.is_live else line)


@command("token", examples="amalfa sonar token\namalfa sonar token --path\namalfa sonar token --new")
@click.option("--path", "is_path", is_flag=True, help="Print where the token is kept instead.")
@click.option("--new", "is_new", is_flag=True, help="Replace the token; sonar wants it after its next restart.")
def token(*, is_path: bool, is_new: bool) -> None:
    """Print the token that programs show on the TCP port (`sonar.http`); one is made when there is none.

    It is kept in a file that only you can read. Whoever has it may use sonar as you do.
    """
    from amalfa.daemon.folders import prepare_folders
    from amalfa.daemon.token import new_token, token_at, token_path
    from amalfa.paths import places_for

    invocation = current()
    places = places_for(this_project(invocation).root, invocation.environ)
    prepare_folders(places)
    path = token_path(places.folder)
    secret = new_token(path) if is_new else token_at(path)
    if is_new:
        invocation.note("A sonar that runs wants the old token until it is restarted. Fix: amalfa sonar restart")
    if is_path:
        invocation.show({"path": str(path)}, str(path))
    else:
        invocation.show({"token": secret, "path": str(path)}, secret)


def _show_running(invocation: Invocation, running: "Running", what: str) -> None:
    facts = {"pid": running.pid, "version": running.version, "socket": str(running.socket), "started": running.started}
    invocation.show(facts, f"{what} (pid {running.pid}, version {running.version}).")
    if running.skew:
        invocation.note(f"{running.skew} Fix: amalfa sonar restart")


def _show_status(invocation: Invocation, found: "StatusResult") -> None:
    if invocation.is_json:
        invocation.show_json(found.data.fields())
        return
    from amalfa.cli.status_text import status_text

    invocation.show(None, status_text(found.data))


def _stuck(found: "StatusResult") -> dict[str, object]:
    return {
        "running": True,
        "healthy": False,
        "pid": found.pid or None,
        "socket": str(found.socket),
        "reason": found.reason,
    }
