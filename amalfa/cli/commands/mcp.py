"""`amalfa mcp`: sonar as tools and resources for programs that speak the Model Context Protocol."""

import importlib
import sys
from collections.abc import Callable
from typing import Protocol, TypeVar

import click

from amalfa.cli.invocation import Invocation, current
from amalfa.cli.lazy import command
from amalfa.cli.reach import this_project
from amalfa.client.connection import SocketConnection, Stream
from amalfa.errors import AmalfaError, UsageProblem
from amalfa.paths import Project

T = TypeVar("T")

LIBRARIES = frozenset({"mcp", "mcp_types"})
"""What the extra brings; any other module that is missing is a fault of ours."""

COMES_BACK = frozenset({"not_running", "shutting_down"})
"""Said before any work was begun, so that asking again does nothing twice."""


class Serving(Protocol):
    """`amalfa.mcp.serving`, as far as it is used here."""

    def serve(self, sonar: "Door", *, include_private: bool) -> None: ...


@command("mcp", examples="amalfa mcp")
@click.option(
    "--include-private", is_flag=True, help="Also show notes that are local-only: to whoever the client shows them."
)
def mcp(include_private: bool) -> None:
    """Serve tools and notes to an MCP client on standard input and output.

    The client starts this command by itself; see the playbook on MCP. Needs the extra: pip install "amalfa[mcp]".
    """
    invocation = current()
    if invocation.no_daemon:
        raise UsageProblem("amalfa mcp works through sonar.", hint="amalfa mcp, without --no-daemon")
    serving = _serving()
    door = Door(invocation, this_project(invocation))
    if sys.stdin.isatty():
        invocation.note("Waiting for an MCP client on standard input; Ctrl-D ends it.")
    serving.serve(door, include_private=include_private)


def _serving() -> Serving:
    # By name, as the table of commands does: the two stand on one rung, and neither may need the other to load.
    try:
        found: Serving = importlib.import_module("amalfa.mcp.serving")
    except ImportError as error:
        if (error.name or "").partition(".")[0] in LIBRARIES:
            raise AmalfaError(
                "The library for MCP is not installed, or is too old.", hint='pip install "amalfa[mcp]"'
            ) from None
        raise
    return found


class Door:
    """The way to the project's sonar for as long as the client stays: started when first called, and when it has gone.

    May be used from several threads.
    """

    def __init__(self, invocation: Invocation, project: Project) -> None:
        self._invocation = invocation
        self._project = project
        self._connection: SocketConnection | None = None

    def request(self, method: str, path: str, body: object = None, *, timeout_s: float) -> object:
        """One exchange; the body of the reply."""
        return self._persistently(lambda sonar: sonar.request(method, path, body, timeout_s=timeout_s)).body

    def stream(self, path: str, body: dict[str, object]) -> Stream:
        """The events of one call."""
        return self._persistently(lambda sonar: sonar.stream("POST", path, body))

    def _persistently(self, attempt: Callable[[SocketConnection], T]) -> T:
        for tries_left in (2, 1, 0):
            connection = self._connection or self._start()
            try:
                return attempt(connection)
            except AmalfaError as error:
                self._connection = None
                if error.code not in COMES_BACK or not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    def _start(self) -> SocketConnection:
        from amalfa.daemon.control import ensure_running

        running = ensure_running(self._project, self._invocation.environ)
        if running.skew:
            self._invocation.note(f"{running.skew} Fix: amalfa sonar restart")
        self._connection = SocketConnection(running.socket)
        return self._connection
