"""The command `amalfa` itself, as click sees it. What each command does is loaded with it, not here."""

import os
from collections.abc import Sequence

from amalfa.cli.contents import TOP
from amalfa.cli.lazy import LazyGroup

_FOOT = """
Exit codes: 0 ok, 1 failure, 2 usage, 3 sonar not running or not answering,
  4 nothing found or refused, 5 no provider could serve, 6 time-out, 7 busy,
  8 invalid config, 9 untrusted config, 10 over budget, 130 interrupted.
Environment: AMALFA_CONFIG, AMALFA_HOME, AMALFA_NO_AUTOSTART, NO_COLOR,
  FORCE_COLOR, AMALFA_DEBUG=1 (tracebacks), and those of `.env.example`.
"""


COMPLETION_VARIABLE = "_AMALFA_COMPLETE"
"""Set by the completion scripts: the shell then wants words, not a command."""


def run_program(arguments: Sequence[str]) -> None:
    """Run one command line. Whatever goes wrong, `--help` and `--version` included, comes out as an exception."""
    program = make_program()
    wish = os.environ.get(COMPLETION_VARIABLE)
    if wish:
        from click.shell_completion import shell_complete

        raise SystemExit(shell_complete(program, {}, "amalfa", COMPLETION_VARIABLE, wish))
    # Not `main`: it turns a broken pipe and Ctrl-C into exit code 1 before anybody can say otherwise.
    with program.make_context("amalfa", list(arguments)) as context:
        program.invoke(context)


def make_program() -> LazyGroup:
    """The whole command tree, unloaded."""
    return LazyGroup(
        name="amalfa",
        contents=TOP,
        help="Answers questions over a folder of Markdown notes, through a daemon that switches between local, "
        "cloud and embedded models.",
        examples="""
            amalfa ask "How do I rotate the keys?"
            git diff | amalfa ask "What does this change break?" -
            amalfa sonar status
        """,
        epilog=_FOOT,
    )
