import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amalfa.daemon import log as log_module
from amalfa.daemon.log import LogFile, LogHandler, RepeatLimit, learn_secrets, line_of, open_for_append
from amalfa.daemon.redaction import Redactor
from amalfa.errors import AmalfaError

logger = logging.getLogger("amalfa.test")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sonar.log"


@pytest.fixture
def handler(path: Path) -> Iterator[LogHandler]:
    root = logging.getLogger()
    handler = LogHandler(LogFile(path))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    handler.close()


def events_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_event_is_one_line_of_json(handler: LogHandler, path: Path) -> None:
    logger.warning("asked %s", "ollama", extra={"tokens": 12, "host": "localhost"})
    handler.close()
    (event,) = events_in(path)
    assert event.pop("at").endswith("+00:00")
    assert event == {
        "level": "warning",
        "logger": "amalfa.test",
        "event": "asked ollama",
        "tokens": 12,
        "host": "localhost",
    }


@pytest.mark.parametrize("nasty", ["a\nb", "\x1b[31mred", "\x9b31m", "\u202eright to left", "\r", "\x07", "\u2028"])
def test_no_event_can_break_its_line_or_reach_a_terminal(handler: LogHandler, path: Path, nasty: str) -> None:
    """H19"""
    logger.info("got %s", nasty, extra={"model": nasty, nasty: 1})
    handler.close()
    raw = path.read_bytes()
    assert raw.count(b"\n") == 1
    assert all(32 <= byte < 127 for byte in raw.strip())
    assert events_in(path)[0]["model"] == nasty


def test_secrets_reach_no_part_of_an_event(handler: LogHandler, path: Path) -> None:
    """H6, lifecycle 51"""
    learn_secrets(["correct horse battery"])
    try:
        raise ValueError("bad key correct horse battery")
    except ValueError:
        logger.exception("with correct horse battery", extra={"header": "Bearer sk-or-v1-0123456789abcdef"})
    handler.close()
    text = path.read_text()
    assert "correct horse" not in text
    assert "0123456789abcdef" not in text
    assert "ValueError" in events_in(path)[0]["traceback"]


def test_the_file_is_private_and_never_cut_at_the_start(path: Path) -> None:
    """Lifecycle 55"""
    path.write_text("earlier\n")
    path.chmod(0o600)
    file = LogFile(path)
    file.write(b"later\n")
    file.close()
    assert path.read_text() == "earlier\nlater\n"
    fresh = path.with_name("fresh.log")
    os.close(open_for_append(fresh))
    assert fresh.stat().st_mode & 0o777 == 0o600


def test_a_link_in_the_place_of_the_log_is_not_followed(path: Path) -> None:
    """H4"""
    victim = path.with_name("victim")
    victim.write_text("precious")
    path.symlink_to(victim)
    with pytest.raises(AmalfaError, match="is a link"):
        LogFile(path)
    assert victim.read_text() == "precious"


def test_the_log_is_rotated_by_size_and_bounded_in_number(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lifecycle 55"""
    monkeypatch.setattr(log_module, "MAX_FILE_BYTES", 1000)
    file = LogFile(path)
    for number in range(200):
        file.write(b"%03d %s\n" % (number, b"x" * 95))
    file.close()
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["sonar.log", *(f"sonar.log.{n}" for n in range(1, 5))]
    assert all(file.stat().st_size <= 1000 and file.stat().st_mode & 0o777 == 0o600 for file in files)
    kept = [int(line[:3]) for file in reversed(files) for line in file.read_text().splitlines()]
    assert kept == list(range(kept[0], 200))


def test_a_log_that_somebody_removed_begins_anew(path: Path) -> None:
    file = LogFile(path)
    file.write(b"one\n")
    path.unlink()
    file.write(b"two\n")
    file.close()
    assert path.read_text() == "two\n"


def test_a_full_disk_costs_lines_but_no_failure_and_the_loss_is_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lifecycle 55, G5"""
    file = LogFile(path)
    file.write(b'{"event": "before"}\n')
    real_write = os.write
    room = 5

    def write_on_full_disk(descriptor: int, data: bytes) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return real_write(descriptor, data[:room])

    monkeypatch.setattr(os, "write", write_on_full_disk)
    file.write(b'{"event": "half"}\n')
    room = 0
    file.write(b'{"event": "none"}\n')
    monkeypatch.setattr(os, "write", real_write)
    file.write(b'{"event": "after"}\n')
    file.close()
    assert [(event["event"], event.get("dropped")) for event in events_in(path)] == [
        ("before", None),
        ("log lines were dropped", 2),
        ("after", None),
    ]


def test_a_caller_never_waits_for_a_slow_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MAX_WAITING", 10)
    monkeypatch.setattr(log_module, "MAX_EQUAL_PER_S", 10_000)
    go_on = threading.Event()
    file = LogFile(path)
    real_write = file.write
    file.write = lambda line: (go_on.wait(10), real_write(line))[1]  # type: ignore[method-assign]  # a disk that hangs
    handler = LogHandler(file)
    logging.getLogger().addHandler(handler)
    began_s = time.monotonic()
    for number in range(500):
        logger.error("event %d", number)
    assert time.monotonic() - began_s < 2
    go_on.set()
    handler.close()
    assert sum(event.get("dropped", 0) for event in events_in(path)) >= 480


def test_the_same_message_over_and_over_does_not_fill_the_log() -> None:
    """G1"""
    limit = RepeatLimit()
    key = ("asyncio", "accept failed")
    assert sum(limit.allows(key, 100.0 + n / 1000) for n in range(999)) == log_module.MAX_EQUAL_PER_S
    assert limit.allows(("asyncio", "something else"), 100.5)
    assert limit.allows(key, 101.0)


def test_a_huge_message_is_cut() -> None:
    record = logging.makeLogRecord({"msg": "x" * 1_000_000, "levelname": "INFO", "name": "n"})
    line = line_of(record, Redactor())
    assert len(line) < 25_000
    assert b"1000000 characters" in line


def test_in_the_foreground_events_are_shown_too_without_control_characters(path: Path) -> None:
    """H18, D10"""
    code = (
        "import logging, os, pathlib, sys\n"
        "import amalfa.daemon.log as log\n"
        "handler = log.open_log(pathlib.Path(sys.argv[1]), is_detached=False)\n"
        "log.learn_secrets(['correct horse'])\n"
        "logging.warning('red \\x1b[31m and correct horse')\n"
        "os.close(2)\n"
        "logging.warning('nobody sees this')\n"
        "handler.close()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert ran.stderr == "warning: red \\u001b[31m and [secret]\n"
    assert [event["event"] for event in events_in(path)][-1] == "nobody sees this"


def test_a_message_that_cannot_be_formatted_breaks_nothing(handler: LogHandler, path: Path) -> None:
    # Not through the logger: pytest listens there too, and complains on purpose.
    handler.emit(logging.makeLogRecord({"msg": "%d", "args": ("not a number",)}))
    logger.info("fine")
    handler.close()
    assert [event["event"] for event in events_in(path)] == ["log lines were dropped", "fine"]


def test_output_of_the_process_goes_to_the_log_and_moves_along_with_it(path: Path) -> None:
    """D10"""
    code = (
        "import os, sys, pathlib, logging\n"
        "import amalfa.daemon.log as log\n"
        "log.MAX_FILE_BYTES = 300\n"
        "handler = log.open_log(pathlib.Path(sys.argv[1]), is_detached=True)\n"
        "os.write(1, b'from stdout\\n'); os.write(2, b'from stderr\\n')\n"
        "logging.info('x' * 250)\n"
        "handler.close()\n"
        "os.write(2, b'after rotation\\n')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    older = path.with_name("sonar.log.1").read_text()
    assert "from stdout\nfrom stderr\n" in older
    assert path.read_text().endswith("after rotation\n")
