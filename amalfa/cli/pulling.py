"""Shows a download while it runs: a bar on a terminal, a line for each step and tenth in a pipe."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from amalfa.cli.invocation import Invocation
from amalfa.cli.models_text import readable
from amalfa.cli.safe_text import safe_line
from amalfa.client.connection import Stream
from amalfa.client.document import Document
from amalfa.client.failures import RemoteError
from amalfa.errors import Unreachable

if TYPE_CHECKING:
    from rich.progress import TaskID


class PullView(Protocol):
    """Something that shows how far a download is."""

    def show(self, told: Document) -> None: ...

    def finish(self) -> None:
        """Take away or end what is drawn. Comes once, after a failure as well."""
        ...


def follow_pull(events: Stream, view: PullView) -> Document:
    """Read the events to their end; what the pull did. Raises what sonar reports."""
    output: object = None
    try:
        for name, data in events:
            match name:
                case "progress":
                    view.show(Document(data))
                case "output":
                    output = data
                case "error":
                    raise RemoteError(Document(data))
    finally:
        view.finish()
    if output is None:
        raise Unreachable("Sonar ended the download without a word.", hint="amalfa sonar logs")
    return Document(output)


def pull_view(invocation: Invocation) -> PullView:
    """The view for this screen. What draws is loaded only where something is drawn."""
    return Bar(invocation) if invocation.err.is_live and not invocation.is_quiet else Lines(invocation.note)


class Lines:
    """A line when a step begins, and at every tenth of the bytes."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last: tuple[str, str] = ("", "")
        self._tenth: tuple[str, int] = ("", 0)

    def show(self, told: Document) -> None:
        completed, total = told.whole("completed"), told.whole("total")
        if completed is None or not total:
            self._say(told, safe_line(told.text("status")))
        elif (tenth := (told.text("host"), completed * 10 // total)) != self._tenth:
            self._tenth = tenth
            self._say(told, f"{tenth[1] * 10} % of {readable(total)}")

    def finish(self) -> None:
        pass

    def _say(self, told: Document, text: str) -> None:
        line = (told.text("host"), text)
        if line != self._last:
            self._last = line
            self._write(f"{safe_line(line[0])}: {text}")


class Bar:
    """A bar with bytes, speed and the time that is left."""

    def __init__(self, invocation: Invocation) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        screen = invocation.err
        console = Console(file=screen.stream, no_color=not screen.has_color, width=screen.width)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress: Progress = Progress(*columns, console=console, transient=True)
        self._task: TaskID | None = None

    def show(self, told: Document) -> None:
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("", total=None)
        completed, total = told.whole("completed"), told.whole("total")
        status = safe_line(told.text("status"))
        if total:
            self._progress.update(self._task, description=status, completed=completed or 0, total=total)
        else:
            self._progress.update(self._task, description=status)

    def finish(self) -> None:
        self._progress.stop()
