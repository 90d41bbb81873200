"""sonar.log: one JSON line per event, free of secrets, bounded in size, written by a thread so that no caller waits."""

import json
import logging
import os
import queue
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from typing_extensions import override

from amalfa.daemon.plain_file import open_plain_file
from amalfa.daemon.redaction import Redactor
from amalfa.errors import AmalfaError

MAX_FILE_BYTES = 5 * 1024 * 1024
FILES = 5
MAX_WAITING = 10_000
MAX_EQUAL_PER_S = 10
MAX_TEXT = 20_000

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def open_log(path: Path, *, is_detached: bool) -> "LogHandler":
    """Send everything that is logged in this process to `path`; returns the handler, to be closed at the end.

    A detached process has the log as its stdout and stderr, which move along when it is rotated; one in the
    foreground shows each event on stderr as well. Raises AmalfaError when `path` is no log of ours.
    """
    handler = LogHandler(LogFile(path, output_descriptors=(1, 2) if is_detached else ()))
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    if not is_detached:
        root.addHandler(ScreenHandler(handler.redactor))
    logging.captureWarnings(capture=True)
    for chatty in ("httpx", "httpcore", "asyncio", "uvicorn", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return handler


def learn_secrets(secrets: Iterable[str]) -> None:
    """Make sure that these exact texts never reach the log of this process."""
    known = tuple(secrets)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogHandler):
            handler.redactor.learn(known)


class LogHandler(logging.Handler):
    """Turns records into lines and hands them to a writing thread. Full queue: the line is dropped and counted."""

    def __init__(self, file: "LogFile") -> None:
        super().__init__()
        self.redactor = Redactor()
        self._file = file
        self._repeats = RepeatLimit()
        self._lines: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING)
        self._writer = threading.Thread(target=self._write_lines, name="sonar-log", daemon=True)
        self._writer.start()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if not self._repeats.allows((record.name, record.msg), record.created):
            self._file.dropped += 1
            return
        try:
            self._lines.put_nowait(line_of(record, self.redactor))
        except queue.Full:
            self._file.dropped += 1
        except Exception:  # a broken record must not break what it was about
            self.handleError(record)

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        self._file.dropped += 1

    @override
    def close(self) -> None:
        """Write what is still waiting, for at most 2 s, and let go of the file."""
        logging.getLogger().removeHandler(self)
        if self._writer.is_alive():
            with suppress(queue.Full):
                self._lines.put(None, timeout=2)
            self._writer.join(2)
        self._file.close()
        super().close()

    def _write_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            self._file.write(line)


class ScreenHandler(logging.StreamHandler[TextIO]):
    """Shows events on stderr, as far as that still goes anywhere."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    @override
    def format(self, record: logging.LogRecord) -> str:
        # As in JSON, without the quotes: no control character of a model or a caller reaches a terminal.
        text = json.dumps(_clean(record.getMessage(), self._redactor))[1:-1]
        return f"{record.levelname.lower()}: {text}"

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        """A terminal that is gone is no reason to complain to it."""


def line_of(record: logging.LogRecord, redactor: Redactor) -> bytes:
    """The record as one line of ASCII JSON; line breaks and control characters inside are escaped."""
    event: dict[str, object] = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _clean(record.getMessage(), redactor),
    }
    for name, value in vars(record).items():
        if name not in _STANDARD_FIELDS:
            is_plain = value is None or isinstance(value, bool | int | float)
            event[_clean(name, redactor)] = value if is_plain else _clean(str(value), redactor)
    if record.exc_info and record.exc_info[0] is not None:
        event["traceback"] = _clean(logging.Formatter().formatException(record.exc_info), redactor)
    return json.dumps(event).encode() + b"\n"


def _clean(text: str, redactor: Redactor) -> str:
    text = redactor.redact(text)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"


class RepeatLimit:
    """Lets the same message through a few times a second, so that one broken thing cannot fill the log."""

    def __init__(self) -> None:
        self._second = 0
        self._seen: dict[tuple[str, object], int] = {}

    def allows(self, key: tuple[str, object], now_s: float) -> bool:
        if int(now_s) != self._second:
            self._second = int(now_s)
            self._seen = {}
        kind = (key[0], str(key[1]))
        self._seen[kind] = self._seen.get(kind, 0) + 1
        return self._seen[kind] <= MAX_EQUAL_PER_S


class LogFile:
    """A file that is appended to, rotated by size, and given up on without complaint while its disk is full.

    `dropped` counts lines that were not written; the count itself is written with the next line that is.
    """

    def __init__(self, path: Path, *, output_descriptors: tuple[int, ...] = ()) -> None:
        self.path = path
        self.dropped = 0
        self._output_descriptors = output_descriptors
        self._descriptor = open_for_append(path)
        self._follow_with_output()

    def write(self, line: bytes) -> None:
        """Append one line; never raises."""
        try:
            self._rotate_if_full(len(line))
            if self.dropped:
                self._append(self._drop_notice())
                self.dropped = 0
            self._append(line)
        except (OSError, AmalfaError):
            self.dropped += 1

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, line: bytes) -> None:
        written = os.write(self._descriptor, line)
        if written < len(line):
            # The disk filled up in the middle: take the half line back, so that every line stays whole.
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
            raise OSError

    def _drop_notice(self) -> bytes:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        notice = {"at": at, "level": "warning", "logger": __name__, "event": "log lines were dropped"}
        return json.dumps({**notice, "dropped": self.dropped}).encode() + b"\n"

    def _rotate_if_full(self, coming: int) -> None:
        found = os.fstat(self._descriptor)
        if found.st_nlink and found.st_size + coming <= MAX_FILE_BYTES:
            return
        if found.st_nlink:
            for number in range(FILES - 1, 0, -1):
                older = self.path if number == 1 else self.path.with_name(f"{self.path.name}.{number - 1}")
                with suppress(FileNotFoundError):
                    older.replace(self.path.with_name(f"{self.path.name}.{number}"))
        fresh = open_for_append(self.path)
        os.close(self._descriptor)
        self._descriptor = fresh
        self._follow_with_output()

    def _follow_with_output(self) -> None:
        for output in self._output_descriptors:
            os.dup2(self._descriptor, output)


def open_for_append(path: Path) -> int:
    """A descriptor that appends to `path`, created 0600. Raises AmalfaError for a link or a foreign file there."""
    try:
        return open_plain_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    except OSError as error:
        raise AmalfaError(
            f"The log {path} cannot be written: {error.strerror}.", hint=f"mv {path} {path}.old"
        ) from error
