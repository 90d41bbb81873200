"""`amalfa sonar chat`: a conversation with the notes, line by line."""

import importlib
import sys
from typing import Any

from amalfa.cli.answer import show_text
from amalfa.cli.call_options import Wishes, call_options
from amalfa.cli.failing import error_line
from amalfa.cli.following import follow
from amalfa.cli.invocation import current
from amalfa.cli.lazy import command
from amalfa.cli.provenance import explanation, provenance_lines
from amalfa.cli.reach import Reached, reach
from amalfa.cli.safe_text import safe_line
from amalfa.cli.sources import source_lines
from amalfa.cli.spinner import Spinner
from amalfa.cli.views import streaming_view
from amalfa.client.document import Document
from amalfa.errors import AmalfaError, NotRunning, UsageProblem
from amalfa.tasks.labels import Labels

HELP = """\
/help      this list
/sources   where the last answer stands
/explain   why that model answered
/model M   ask model M from now on; /model alone lets the policy decide again
/local     only models on this machine; /cloud only in the cloud; /any both
/new       begin a new conversation
/quit      leave (or Ctrl-D)"""

EXAMPLES = """
amalfa sonar chat
amalfa sonar chat --local
"""


@command("chat", examples=EXAMPLES)
@call_options
def chat(**flags: Any) -> None:
    """Talk with the notes: each question is answered from them, with what was said before in mind.

    Ctrl-C stops an answer, Ctrl-D leaves. `/help` lists what else can be typed.
    """
    invocation = current()
    if invocation.is_json:
        raise UsageProblem("A chat has no JSON.", hint="amalfa ask --continue --json QUESTION")
    talk = Talk(reach(invocation), Wishes(flags))
    if sys.stdin.isatty():
        # Being loaded is all it has to do to give `input` editing and history.
        importlib.import_module("readline")
        invocation.note("Ask anything about the notes. /help lists commands, Ctrl-D leaves.", style="dim")
    while (line := _next_line()) is not None:
        if not line.strip():
            continue
        if not talk.obey(line.strip()):
            return


def _next_line() -> str | None:
    """The next line typed; None at the end of the input."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return line if line else None
    try:
        return input("> ")
    except EOFError:
        return None


class Talk:
    """One conversation: what was asked for, its session, and the last reply."""

    def __init__(self, reached: Reached, wishes: Wishes) -> None:
        self.reached = reached
        self._wishes = wishes
        self._session = ""
        self._last = Document({})
        self._labels: Labels = {}

    def obey(self, line: str) -> bool:
        """Do what a line says: a command after `/`, else a question. False ends the chat."""
        if not line.startswith("/"):
            self._ask(line)
            return True
        word, _, rest = line[1:].partition(" ")
        match word:
            case "quit" | "exit" | "q":
                return False
            case "new":
                self._session, self._last = "", Document({})
                self._say("A new conversation.")
            case "model":
                self._wishes.model = rest.strip() or None
                self._say(f"Model: {self._wishes.model or 'as the policy decides'}.")
            case "local" | "cloud" | "any":
                self._wishes.prefer = None if word == "any" else word
                self._say(f"Models: {word}.")
            case "sources":
                self._print(self._sources() or "The last answer has no sources.\n")
            case "explain":
                self._say(explanation(self._last.item("route"), width=self.reached.invocation.out.width))
            case _:
                self._say(HELP if word == "help" else f"There is no /{word}.\n{HELP}")
        return True

    def _ask(self, question: str) -> None:
        """Put one question. A failure or Ctrl-C ends this answer, not the chat."""
        try:
            self._last = self._answer(question)
        except NotRunning:
            raise
        except AmalfaError as error:
            self.reached.invocation.warn(safe_line(error_line(error)))
            return
        except KeyboardInterrupt:
            self.reached.invocation.warn("\nStopped.")
            return
        output = self._last.item("output")
        self._session = output.text("session") or self._session
        self._print(f"\n{self._sources()}" if output.items("citations") else "")
        for line in provenance_lines(self._last):
            self.reached.invocation.note(line, style="dim")

    def _answer(self, question: str) -> Document:
        invocation = self.reached.invocation
        given: dict[str, object] = {"messages": [{"role": "user", "content": question}]}
        if self._session:
            given["session"] = self._session
        body: dict[str, object] = {"input": given, **self._wishes.fields()}
        with Spinner(invocation.err, is_wanted=not invocation.is_quiet) as spinner:
            spinner.phase("waiting for sonar")
            with self.reached.stream("/sonar/tasks/chat", body, timeout_s=self._wishes.patience_s) as events:
                followed = follow(events, spinner=spinner, view=streaming_view(invocation))
        reply = Document(followed.output)
        self._labels = show_text(invocation, reply.item("output").text("message"), followed.shown)
        return reply

    def _sources(self) -> str:
        citations = self._last.item("output").items("citations")
        return source_lines(citations, self.reached.invocation.out, str(self.reached.project.root), self._labels)

    def _say(self, text: str) -> None:
        self.reached.invocation.warn(text)

    def _print(self, text: str) -> None:
        if text:
            self.reached.invocation.write(text)
