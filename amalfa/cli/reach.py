"""Finds the project a command is about, and a way to its sonar: the running one, a new one, or one in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from amalfa.cli.invocation import Invocation
from amalfa.cli.spinner import Spinner
from amalfa.cli.wording import sentence
from amalfa.client.connection import PROBLEMS_HEADER, SocketConnection, Stream
from amalfa.client.document import Document
from amalfa.client.protocol import Connection
from amalfa.errors import AmalfaError, InvalidConfig, UsageProblem
from amalfa.paths import Project, find_project

STATUS_S = 2.0
T = TypeVar("T")

_COMES_BACK = frozenset({"not_running", "shutting_down"})
"""Said before any work was begun, so that asking again does nothing twice."""


class Reached:
    """A project and the sonar that serves it. Remembers whether sonar spoke of configuration problems.

    Those are told when the command is over, however it ends.
    """

    def __init__(self, invocation: Invocation, project: Project, connection: Connection) -> None:
        self.invocation = invocation
        self.project = project
        self._connection = connection
        self._problems = 0
        click.get_current_context().call_on_close(self._tell_problems)

    def request(self, method: str, path: str, body: object = None, *, timeout_s: float = 60.0) -> object:
        """One exchange; the body of the reply. A sonar that stops just now is started again."""
        reply = self._persistently(lambda: self._connection.request(method, path, body, timeout_s=timeout_s))
        self._note_problems(reply.headers)
        return reply.body

    @contextmanager
    def stream(self, path: str, body: dict[str, object], *, timeout_s: float | None) -> Iterator[Stream]:
        """The events of one call, begun like `request`; leaving the block hangs up."""
        whole = {**body, "stream": True}
        events = self._persistently(lambda: self._connection.stream("POST", path, whole, timeout_s=timeout_s))
        self._note_problems(events.headers)
        with events:
            yield events

    @contextmanager
    def watch(self, path: str) -> Iterator[Stream]:
        """The events of something that goes on by itself. Starts no sonar; leaving the block stops only the telling.

        Raises NotRunning and Unreachable like a client's `stream`.
        """
        with self._connection.stream("GET", path) as events:
            yield events

    def _persistently(self, attempt: Callable[[], T]) -> T:
        for tries_left in (2, 1, 0):
            try:
                return attempt()
            except AmalfaError as error:
                self._problems = getattr(error, "config_problems", 0)
                if error.code not in _COMES_BACK or self.invocation.no_daemon or not tries_left:
                    raise
            self._connection = _start(self.invocation, self.project)
        raise AssertionError("the last try returns or raises")

    def _tell_problems(self) -> None:
        """One line on stderr when the configuration file is broken and an older one is in force."""
        if not self._problems:
            return
        try:
            status = Document(self._connection.request("GET", "/sonar/status", timeout_s=STATUS_S).body)
        except AmalfaError:
            return  # sonar has just gone; its next start will say more
        first = next(iter(status.item("config").items("problems")), None)
        if first is not None:
            self.invocation.warn(problem_line(first, self._problems))

    def _note_problems(self, headers: dict[str, str]) -> None:
        told = headers.get(PROBLEMS_HEADER, "")
        self._problems = int(told) if told.isdecimal() else 0


def problem_line(first: Document, total: int) -> str:
    """`path:line: message`, how many more there are, and what holds meanwhile."""
    line = first.whole("line")
    where = first.text("path") + ("" if line is None else f":{line}")
    more = f" (1 of {total} problems)" if total > 1 else ""
    return f"{sentence(where + ': ' + first.text('message') + more)} The last good configuration is in force."


def this_project(invocation: Invocation) -> Project:
    """The project of the current folder, or of --config. Raises InvalidConfig when there is none."""
    project = find_project(current_folder(), invocation.environ, invocation.config)
    if project is None:
        raise InvalidConfig("There is no amalfa.config.json in this folder or above it.", hint="amalfa init")
    return project


def current_folder() -> Path:
    """Where the command was typed. Raises UsageProblem when that folder has been removed meanwhile."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageProblem("The current folder does not exist any more.", hint="cd to another folder") from None


def reach(invocation: Invocation) -> Reached:
    """Sonar for this command, started when it does not run; with --no-daemon the same engine in this process."""
    project = this_project(invocation)
    if not invocation.no_daemon:
        return Reached(invocation, project, _start(invocation, project))
    from amalfa.daemon.inprocess import connect

    with _waiting(invocation, "opening the notes"):
        connection = connect(project, invocation.environ)
    return Reached(invocation, project, connection)


def _start(invocation: Invocation, project: Project) -> Connection:
    from amalfa.daemon.control import ensure_running

    with _waiting(invocation, "starting sonar"):
        running = ensure_running(project, invocation.environ)
    if running.skew:
        invocation.note(f"{running.skew} Fix: amalfa sonar restart")
    return SocketConnection(running.socket)


def _waiting(invocation: Invocation, phase: str) -> Spinner:
    spinner = Spinner(invocation.err, is_wanted=not invocation.is_quiet)
    spinner.phase(phase)
    return spinner
