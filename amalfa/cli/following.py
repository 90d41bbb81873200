"""Follows one call while it runs: phases to the spinner, words to the view, and the whole output at the end."""

from amalfa.cli.spinner import Spinner
from amalfa.cli.views import View
from amalfa.cli.wording import sentence
from amalfa.client.connection import Stream
from amalfa.client.document import Document
from amalfa.client.failures import RemoteError
from amalfa.errors import AmalfaError, Unreachable


class Followed:
    """A call that ended well: its output as sonar sent it, and the words that the view showed on the way."""

    __slots__ = ("output", "shown")

    def __init__(self, output: object, shown: str) -> None:
        self.output = output
        self.shown = shown


class PartialAnswer(RemoteError):
    """The stream broke after words had been shown; they are no answer."""


def follow(events: Stream, *, spinner: Spinner, view: View) -> Followed:
    """Read the events to their end. Raises what sonar reports, PartialAnswer when words had been shown before."""
    shown: list[str] = []
    try:
        return _follow(events, spinner, view, shown)
    except AmalfaError as error:
        if not shown:
            raise
        raise PartialAnswer(_about(error)) from error
    finally:
        spinner.stop()
        view.finish()


def _follow(events: Stream, spinner: Spinner, view: View, shown: list[str]) -> Followed:
    output: object = None
    for name, data in events:
        told = Document(data)
        match name:
            case "phase" if not shown:
                spinner.phase(told.text("text"))
            case "route" if not shown:
                spinner.phase(f"asking {told.text('model')}")
            case "delta" if not view.is_shown:
                spinner.phase("answering")
            case "delta":
                spinner.stop()
                view.add(told.text("text"))
                shown.append(told.text("text"))
            case "output":
                output = data
            case "error":
                raise RemoteError(told)
    if output is None:
        raise Unreachable("Sonar ended the call without an answer.", hint="amalfa sonar logs")
    return Followed(output, "".join(shown))


def _about(error: AmalfaError) -> Document:
    whole = f"{sentence(error.message)} The answer above is not whole."
    route = error.route.fields() if isinstance(error, RemoteError) else {}
    return Document({"code": error.code, "message": whole, "hint": error.hint, "route": route})
