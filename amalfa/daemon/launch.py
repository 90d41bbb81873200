"""Starts the background process and waits until it answers or says why not. Decides nothing: `control` does that."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from amalfa.daemon.log import open_for_append
from amalfa.daemon.log_reader import read_from, readable, size_of
from amalfa.daemon.report import read_report
from amalfa.errors import AmalfaError, OutOfTime
from amalfa.paths import Places, Project

_SHOWN_LOG_LINES = 5
_EXIT_PATIENCE_S = 5.0


def launch(project: Project, places: Places, environ: Mapping[str, str], *, timeout_s: float) -> None:
    """Start sonar in the background; returns once it answers. Its folders exist already.

    Raises what the new process reports (the code, hint and problems of its error), AmalfaError with its last
    log lines when it died without a report, and OutOfTime when it is not ready in time; it then goes on
    starting, as what takes so long may be work that has to be done once.
    """
    before = size_of(places.log)
    log = open_for_append(places.log)
    report, report_end = os.pipe()
    try:
        process = _spawn(project, environ, log, report_end)
    finally:
        os.close(report_end)
        os.close(log)
    try:
        outcome = read_report(report, timeout_s=timeout_s)
    except TimeoutError:
        _reap_later(process)
        raise _not_ready(process.pid, places.log, before, timeout_s) from None
    finally:
        os.close(report)
    if outcome == "crashed":
        raise _crashed(process.wait(), places.log, before)
    if outcome != "ready":
        with suppress(subprocess.TimeoutExpired):
            process.wait(_EXIT_PATIENCE_S)  # so that the place is free again for whoever tries next
        raise outcome
    _reap_later(process)


def _spawn(project: Project, environ: Mapping[str, str], log: int, report_end: int) -> "subprocess.Popen[bytes]":
    arguments = ["--root", str(project.root), "--config", str(project.config), "--report", str(report_end)]
    child_environ = dict(environ)
    if home := environ.get("AMALFA_HOME"):
        child_environ["AMALFA_HOME"] = os.path.realpath(Path(home).expanduser())  # the new process starts in /
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", "amalfa.daemon.serve", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=child_environ,
        start_new_session=True,
        close_fds=True,
        pass_fds=(report_end,),
    )


def _reap_later(process: "subprocess.Popen[bytes]") -> None:
    # A caller that lives on (an editor's helper, a test) would otherwise keep the ended process as a zombie.
    threading.Thread(target=process.wait, name="sonar-reaper", daemon=True).start()


def _not_ready(pid: int, log: Path, before: int, waited_s: float) -> OutOfTime:
    seen = _shown(log, before, count=1) or "nothing in its log yet"
    return OutOfTime(
        f"Sonar was not ready after {waited_s:.0f} s (pid {pid}); last seen: {seen}. Its log is {log}.",
        hint="amalfa sonar status, or amalfa sonar restart --force",
    )


def _crashed(status: int, log: Path, before: int) -> AmalfaError:
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    seen = _shown(log, before, count=_SHOWN_LOG_LINES)
    return AmalfaError(f"Sonar ended {how} while it started. Its log {log} says:\n{seen}", hint="amalfa doctor")


def _shown(log: Path, before: int, *, count: int) -> str:
    lines = [readable(line) for line in read_from(log, before).splitlines() if line.strip()]
    return "\n".join(lines[-count:])
