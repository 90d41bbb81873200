"""Tells what went wrong, in one line or one JSON object, and which exit code that is. Loaded only when it did."""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Mapping, Sequence

import click

from amalfa.cli.invocation import SCHEMA
from amalfa.cli.lazy import HelpInstead
from amalfa.cli.safe_text import safe, safe_json, safe_line
from amalfa.cli.wording import sentence
from amalfa.client.failures import RemoteError
from amalfa.errors import AmalfaError, Interrupted, Problem, UsageProblem

_OUTPUT_ERRORS = frozenset({errno.EBADF, errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG})


def exit_code_of(error: BaseException, arguments: Sequence[str]) -> int:
    """Tell about `error` where people or programs look for it, and return the exit code. Never raises."""
    try:
        return _exit_code_of(error, arguments)
    except BrokenPipeError:
        return _leave_quietly()
    except OSError:  # neither output takes a word
        return 1


def _exit_code_of(error: BaseException, arguments: Sequence[str]) -> int:
    match error:
        case click.exceptions.Exit():
            sys.stdout.flush()
            return error.exit_code
        case SystemExit():
            return error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        case BrokenPipeError():
            return _leave_quietly()
        case HelpInstead() if not _wants_json(arguments):
            click.echo(error.message, err=True)
            return error.exit_code
    failure = _as_amalfa_error(error)
    if failure is None:
        failure = _unexpected(error)
    _tell(failure, is_json=_wants_json(arguments))
    return failure.exit_code


def _as_amalfa_error(error: BaseException) -> AmalfaError | None:
    match error:
        case AmalfaError():
            return error
        case KeyboardInterrupt() | click.Abort():
            return Interrupted("Interrupted.")
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else "amalfa"
            what = "No command was given." if isinstance(error, HelpInstead) else error.format_message()
            return UsageProblem(what, hint=f"{path} --help")
        case click.ClickException():
            return AmalfaError(error.format_message())
        case OSError() if error.errno in _OUTPUT_ERRORS and error.filename is None:
            return AmalfaError(f"The output cannot be written: {os.strerror(error.errno or 0)}.")
    return None


def _tell(failure: AmalfaError, *, is_json: bool) -> None:
    if is_json:
        document = {"ok": False, "schema": SCHEMA, "error": error_document(failure)}
        sys.stdout.write(safe_json(json.dumps(document, ensure_ascii=False)) + "\n")
        sys.stdout.flush()
        return
    if isinstance(failure, Interrupted):
        sys.stderr.write("\nInterrupted.\n")
        return
    lines = [safe_line(error_line(failure)), *(f"  {safe_line(str(problem))}" for problem in _problems(failure))]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def error_line(failure: AmalfaError) -> str:
    """`Error: what happened. Fix: what to do.`"""
    message = sentence(failure.message)
    return f"Error: {message} Fix: {failure.hint}" if failure.hint else f"Error: {message}"


def error_document(failure: AmalfaError) -> Mapping[str, object]:
    """What stands under `error` in the JSON of a failed command."""
    document: dict[str, object] = {"code": failure.code, "message": failure.message, "hint": failure.hint}
    problems = _problems(failure)
    if problems:
        document["problems"] = [{"path": p.path, "line": p.line, "message": p.message} for p in problems]
    if isinstance(failure, RemoteError) and failure.route:
        document["route"] = failure.route.fields()
    return document


def _problems(failure: AmalfaError) -> tuple[Problem, ...]:
    problems: tuple[Problem, ...] = getattr(failure, "problems", ())
    return problems


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether --json was given, as far as one can tell when the command line itself may be what is wrong."""
    before_words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before_words


def _leave_quietly() -> int:
    """The reader took what it wanted and left, which is no failure of ours; nothing more may be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _unexpected(error: BaseException) -> AmalfaError:
    if os.environ.get("AMALFA_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    what = f"Something went wrong inside amalfa ({type(error).__name__})."
    path = _keep_traceback(error)
    return AmalfaError(what, hint=f"see {path}, and report it" if path else "set AMALFA_DEBUG=1 to see where")


def _keep_traceback(error: BaseException) -> str:
    """Append the traceback to cli.log under AMALFA_HOME and return its path; "" when that cannot be."""
    import traceback
    from datetime import UTC, datetime

    from amalfa.cli.error_log import append_private
    from amalfa.paths import amalfa_home

    path = amalfa_home(os.environ) / "cli.log"
    text = "".join(traceback.format_exception(error))
    return str(path) if append_private(path, f"{datetime.now(UTC).isoformat()}\n{safe(text)}\n") else ""
