"""The front door: runs one command, and turns whatever goes wrong into one line and one exit code."""

import atexit
import gc
import io
import os
import sys
from collections.abc import Sequence


def main() -> None:
    """What the shell calls; does not return."""
    # Importing makes many objects and hardly any garbage; looking for it that often costs a tenth of `--version`.
    gc.set_threshold(50_000, 20, 20)
    _leave(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Prints, and never raises."""
    _open_closed_streams()
    try:
        if list(arguments) == ["--version"]:
            from amalfa import __version__

            sys.stdout.write(f"amalfa {__version__}\n")
        else:
            from amalfa.cli.program import run_program

            run_program(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:  # the outermost boundary: whatever it is becomes an exit code
        from amalfa.cli.failing import exit_code_of

        return exit_code_of(error, arguments)
    return 0


def _leave(code: int) -> None:
    """End the process; at once when nothing waits to be tidied up, as taking the interpreter apart takes its time."""
    threading = sys.modules.get("threading")
    is_alone = threading is None or threading.active_count() == 1
    if is_alone and not atexit._ncallbacks():
        os._exit(code)
    sys.exit(code)


def _open_closed_streams() -> None:
    """Give every standard stream a descriptor, so that no socket is taken for one and no print fails on None.

    A closed output becomes one that cannot be written: losing the data silently would be worse than failing.
    """
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        # A locale that cannot show a character gets its number, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
