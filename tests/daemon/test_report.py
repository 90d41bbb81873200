import os
import threading

import pytest

from amalfa.client.failures import RemoteError
from amalfa.daemon.report import read_report, report_failure, report_ready
from amalfa.errors import Busy, InvalidConfig, Problem


def test_success_arrives() -> None:
    reader, writer = os.pipe()
    report_ready(writer)
    assert read_report(reader, timeout_s=1) == "ready"
    os.close(reader)


def test_a_failure_arrives_whole_however_long_it_is() -> None:
    """Lifecycle 10"""
    problems = tuple(Problem("amalfa.config.json", number, "unknown key " + "x" * 100) for number in range(2000))
    error = InvalidConfig("The configuration has 2000 problems.", hint="amalfa config check", problems=problems)
    reader, writer = os.pipe()
    sender = threading.Thread(target=report_failure, args=(writer, error))
    sender.start()
    told = read_report(reader, timeout_s=5)
    sender.join()
    os.close(reader)
    assert isinstance(told, RemoteError)
    assert (told.code, told.exit_code, told.message, told.hint) == ("invalid_config", 8, error.message, error.hint)
    assert told.problems == problems


def test_a_process_that_dies_silently_has_crashed() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    assert read_report(reader, timeout_s=1) == "crashed"
    os.close(reader)


def test_a_report_cut_off_in_the_middle_is_a_crash() -> None:
    reader, writer = os.pipe()
    os.write(writer, b'{"ready": tr')
    os.close(writer)
    assert read_report(reader, timeout_s=1) == "crashed"
    os.close(reader)


def test_silence_ends_in_a_time_out() -> None:
    reader, writer = os.pipe()
    with pytest.raises(TimeoutError):
        read_report(reader, timeout_s=0.05)
    os.close(reader)
    os.close(writer)


def test_a_starter_that_went_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    report_failure(writer, Busy("taken"))
