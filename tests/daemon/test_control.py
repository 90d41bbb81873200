"""The start sequence and its counterparts, against real background processes that run the stand-in engine."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from amalfa import __version__
from amalfa.client.connection import request
from amalfa.client.failures import RemoteError
from amalfa.daemon import control
from amalfa.daemon.identity import boot_id, start_time_of
from amalfa.daemon.listener import bind_private
from amalfa.daemon.lock import HeldLock, is_held, take_lock
from amalfa.daemon.state import PROTOCOL, State, write_state
from amalfa.errors import AmalfaError, NotRunning, OutOfTime, Unreachable
from amalfa.paths import make_private_folder
from tests.system.harness import REPOSITORY, Home, is_alive, wait_until


@pytest.fixture
def held_lock(home: Home) -> Iterator[HeldLock]:
    """The life lock, held by this process, which is no sonar."""
    make_private_folder(home.places.folder)
    lock = take_lock(home.places.life_lock)
    assert lock is not None
    yield lock
    lock.release()


def start(home: Home, *, timeout_s: float = 10.0) -> control.Running:
    return control.start(home.project, home.environ, timeout_s=timeout_s)


def stop(home: Home) -> int | None:
    return control.stop(home.project, home.environ)


def test_start_finds_or_starts_one_sonar_and_stop_ends_it(home: Home) -> None:
    first = start(home)
    again = start(home)
    assert (first.started, again.started) == (True, False)
    assert again == replace(first, started=False)
    assert home.lives_as(first.pid)
    assert control.status(home.project, home.environ).data.whole("pid") == first.pid
    assert stop(home) == first.pid
    assert not is_alive(first.pid) or not is_held(home.places.life_lock)
    assert (home.state, home.places.socket.exists(), home.places.life_lock.exists()) == (None, False, True)
    assert stop(home) is None


def test_status_and_stop_touch_nothing_where_nothing_was(home: Home) -> None:
    assert control.status(home.project, home.environ).state == "not running"
    assert stop(home) is None
    assert not home.state_folder.exists()


def test_with_autostart_off_only_an_explicit_start_starts(home: Home) -> None:
    """Lifecycle 15"""
    quiet = {**home.environ, "AMALFA_NO_AUTOSTART": "1"}
    with pytest.raises(NotRunning, match="AMALFA_NO_AUTOSTART"):
        control.ensure_running(home.project, quiet)
    assert home.lives_as()
    started = control.start(home.project, quiet)
    assert control.ensure_running(home.project, quiet) == replace(started, started=False)


def test_many_starts_at_one_instant_make_one_sonar(home: Home) -> None:
    """Lifecycle 2, D4"""
    found: list[control.Running] = []
    threads = [threading.Thread(target=lambda: found.append(start(home))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({running.pid for running in found}) == 1
    assert sum(running.started for running in found) == 1
    assert len(home.daemons()) == 1


@pytest.mark.parametrize(("failure", "exit_code", "problems"), [("invalid_config", 8, 2), ("untrusted_config", 9, 0)])
def test_the_reason_of_a_failed_start_arrives_whole(home: Home, failure: str, exit_code: int, problems: int) -> None:
    """Lifecycle 10"""
    home.use_stand_in(fail=failure)
    began_s = time.monotonic()
    with pytest.raises(RemoteError) as caught:
        start(home)
    assert time.monotonic() - began_s < 3
    assert (caught.value.code, caught.value.exit_code) == (failure, exit_code)
    assert len(caught.value.problems) == problems
    assert home.lives_as()


def test_an_unforeseen_failure_is_named_and_holds_no_key(home: Home) -> None:
    """Lifecycle 10, H6"""
    home.use_stand_in(crash=True)
    with pytest.raises(AmalfaError, match="RuntimeError: the stand-in crashed") as caught:
        start(home)
    assert "sk-or" not in str(caught.value) + home.log_text
    assert "Traceback" in home.log_text


def test_a_start_that_dies_without_a_word_shows_the_end_of_the_log(home: Home) -> None:
    """Lifecycle 10"""
    home.use_stand_in(die=True)
    with pytest.raises(AmalfaError, match="ended with status 42") as caught:
        start(home)
    assert str(home.places.log) in caught.value.message
    assert "sonar starts" in caught.value.message


def test_an_interpreter_that_cannot_even_begin_shows_its_last_words(home: Home) -> None:
    home.inject_into_sonar("import sys; sys.stderr.write('no such module\\n'); raise SystemExit(3)")
    with pytest.raises(AmalfaError, match="no such module"):
        start(home)


def test_a_start_that_takes_too_long_names_cause_and_log(home: Home) -> None:
    """Lifecycle 11"""
    home.use_stand_in(open_s=30)
    with pytest.raises(OutOfTime) as caught:
        start(home, timeout_s=0.8)
    assert str(home.places.log) in caught.value.message
    assert f"pid {home.pid}" in caught.value.message
    found = control.status(home.project, home.environ)
    assert (found.state, found.pid) == ("not answering", home.pid)
    assert stop(home) is not None


def test_a_sonar_that_is_still_starting_is_waited_for(home: Home) -> None:
    """Lifecycle 9"""
    home.use_stand_in(open_s=1)
    with pytest.raises(OutOfTime):
        start(home, timeout_s=0.3)
    running = start(home)
    assert not running.started
    assert home.lives_as(running.pid)


def test_a_sonar_that_leaves_is_waited_for_and_replaced(home: Home) -> None:
    """Lifecycle 41"""
    first = start(home)
    worker = threading.Thread(target=request, args=(first.socket, "POST", "/work", {"s": 0.5}))
    worker.start()
    wait_until(lambda: not _is_idle(home))
    request(first.socket, "POST", "/sonar/shutdown", {})
    second = start(home)
    worker.join()
    assert second.pid != first.pid
    assert home.lives_as(second.pid)


def test_an_idle_older_sonar_is_replaced(home: Home) -> None:
    """Lifecycle 52"""
    old = control.start(home.project, {**home.environ, "STAND_IN_VERSION": "0.0.9"})
    assert "0.0.9" in old.skew
    new = start(home)
    assert (new.started, new.version, new.skew) == (True, __version__, "")
    assert home.lives_as(new.pid)


def test_a_busy_older_sonar_is_used_and_the_skew_told(home: Home) -> None:
    """Lifecycle 52, 53"""
    old = control.start(home.project, {**home.environ, "STAND_IN_VERSION": "0.0.9"})
    worker = threading.Thread(target=request, args=(old.socket, "POST", "/work", {"s": 1}))
    worker.start()
    wait_until(lambda: not _is_idle(home))
    found = start(home)
    assert (found.pid, found.started) == (old.pid, False)
    assert "0.0.9" in found.skew
    worker.join()


def test_a_newer_sonar_is_never_replaced(home: Home) -> None:
    """Lifecycle 52: two installations side by side must not replace each other in turn."""
    newer = control.start(home.project, {**home.environ, "STAND_IN_VERSION": "99.0"})
    found = start(home)
    assert (found.pid, found.started) == (newer.pid, False)
    assert "99.0" in found.skew


def test_a_stopped_process_does_not_answer_and_force_replaces_it(home: Home) -> None:
    """Lifecycle 17, 20"""
    first = start(home)
    os.kill(first.pid, signal.SIGSTOP)
    found = control.status(home.project, home.environ, timeout_s=0.3)
    assert (found.state, found.pid) == ("not answering", first.pid)
    second = control.restart(home.project, home.environ, force=True)
    assert second.started
    assert not is_alive(first.pid)
    assert home.lives_as(second.pid)


def test_a_stopped_process_is_given_up_soon_and_the_way_out_is_told(home: Home) -> None:
    first = start(home)
    os.kill(first.pid, signal.SIGSTOP)
    for environ in (home.environ, {**home.environ, "AMALFA_NO_AUTOSTART": "1"}):
        began_s = time.monotonic()
        with pytest.raises(Unreachable, match="does not serve") as caught:
            control.ensure_running(home.project, environ)
        assert control.SILENCE_S <= time.monotonic() - began_s < control.SILENCE_S + 1
        assert (caught.value.hint, caught.value.exit_code) == ("amalfa sonar restart --force", 3)
    assert home.lives_as(first.pid)
    os.kill(first.pid, signal.SIGCONT)


def test_a_sonar_that_answers_late_is_not_given_up(home: Home) -> None:
    """One ask that waits is kept: a machine under load may take longer than each of several short ones allows."""
    first = start(home)
    os.kill(first.pid, signal.SIGSTOP)
    timer = threading.Timer(1.5, os.kill, (first.pid, signal.SIGCONT))
    timer.start()
    assert start(home) == replace(first, started=False)
    timer.join()


def test_a_socket_that_was_there_before_its_sonar_may_be_silent_while_that_starts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systemd opens it, and connections wait in it until sonar is ready."""
    monkeypatch.setattr(control, "SILENCE_S", 0.3)
    first = start(home)
    os.utime(home.places.socket, (0, 0))
    os.kill(first.pid, signal.SIGSTOP)
    timer = threading.Timer(1.0, os.kill, (first.pid, signal.SIGCONT))
    timer.start()
    assert start(home) == replace(first, started=False)
    timer.join()
    _make_older(home, by_s=60)
    os.kill(first.pid, signal.SIGSTOP)
    with pytest.raises(Unreachable, match="does not serve"):
        start(home)
    os.kill(first.pid, signal.SIGCONT)


def _make_older(home: Home, *, by_s: float) -> None:
    state = home.state
    assert state is not None
    began = datetime.fromisoformat(state.started_at) - timedelta(seconds=by_s)
    write_state(home.places.state, replace(state, started_at=began.isoformat()))


def test_restart_makes_a_new_process_whether_or_not_one_ran(home: Home) -> None:
    first = control.restart(home.project, home.environ)
    second = control.restart(home.project, home.environ)
    assert first.pid != second.pid
    assert home.lives_as(second.pid)


@pytest.mark.parametrize("forged", ["pid and start time", "everything"])
def test_a_state_file_alone_directs_no_signal(home: Home, held_lock: HeldLock, forged: str) -> None:
    """Lifecycle 19, D6: the lock is held by a process that the state file does not describe."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as victim:
        held_lock.note(f"{os.getpid()} the-nonce\n")
        state = _state_of(victim.pid, nonce="the-nonce" if forged == "everything" else "another")
        write_state(home.places.state, state)
        for ask in (
            lambda: control.stop(home.project, home.environ, timeout_s=0.2),
            lambda: control.restart(home.project, home.environ, force=True),
        ):
            with pytest.raises(Unreachable, match="no signal was sent"):
                ask()
        assert victim.poll() is None
        victim.kill()


def test_a_sonar_that_ends_by_itself_meanwhile_needs_no_proof(home: Home, held_lock: HeldLock) -> None:
    """Its state file is gone already, its lock a moment later."""
    timer = threading.Timer(0.2, held_lock.release)
    timer.start()
    stop(home)
    timer.join()


def test_a_stale_state_file_directs_no_signal(home: Home) -> None:
    """Lifecycle 19: nobody holds the lock, and the recorded pid is somebody else's by now."""
    make_private_folder(home.places.folder)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as victim:
        write_state(home.places.state, _state_of(victim.pid, nonce="n"))
        assert stop(home) is None
        running = control.restart(home.project, home.environ, force=True)
        assert running.started
        assert victim.poll() is None
        victim.kill()


def test_a_lock_that_is_held_without_an_answer_is_told_not_broken(home: Home, held_lock: HeldLock) -> None:
    held_lock.note(f"{os.getpid()} n\n")
    with pytest.raises(Unreachable, match=f"pid {os.getpid()}"):
        start(home, timeout_s=0.3)
    assert home.lives_as()


def test_a_wedged_start_command_does_not_hold_up_others_for_ever(home: Home) -> None:
    make_private_folder(home.places.folder)
    lock = take_lock(home.places.start_lock)
    assert lock is not None
    with pytest.raises(OutOfTime, match="still starting"):
        start(home, timeout_s=0.3)
    lock.release()


def test_a_foreground_sonar_that_was_faster_is_used(home: Home) -> None:
    """A `sonar run` takes the lock between our look and our launch."""
    home.inject_into_sonar(
        f"""
        import os, subprocess, time
        if not os.environ.get("RIVAL"):
            sys.path.insert(0, {str(REPOSITORY)!r})
            rival = subprocess.Popen([*sys.orig_argv[:-2], "--report", "1"], env={{**os.environ, "RIVAL": "1"}},
                                     stdout=subprocess.PIPE)
            rival.stdout.readline()
        sys.path.insert(0, {str(REPOSITORY)!r})
        from tests.daemon import stand_in
        stand_in.install()
        """
    )
    running = start(home)
    assert not running.started
    assert home.lives_as(running.pid)


def test_the_recorded_socket_is_dialled_first_and_the_usual_one_next(home: Home) -> None:
    running = start(home)
    assert control.socket_of(home.project, home.environ) == running.socket
    state = home.state
    assert state is not None
    write_state(home.places.state, replace(state, socket="/nowhere/at/all.sock"))
    assert start(home).pid == running.pid


def test_a_process_on_the_socket_that_is_no_sonar_is_told_apart(home: Home) -> None:
    listener = bind_private(home.places.socket)
    found = control.status(home.project, home.environ, timeout_s=0.2)
    assert found.state == "not answering"
    with pytest.raises(AmalfaError, match="Another process listens"):
        start(home, timeout_s=6)
    listener.socket.close()


def test_reload_reaches_sonar(home: Home) -> None:
    start(home)
    assert control.reload(home.project, home.environ).whole("generation") == 1
    stop(home)
    with pytest.raises(NotRunning):
        control.reload(home.project, home.environ)


def test_the_log_can_be_read_with_and_without_a_running_sonar(home: Home) -> None:
    assert control.tail_log(home.project, home.environ, 10) == []
    start(home)
    stop(home)
    events = [json.loads(line)["event"] for line in control.tail_log(home.project, home.environ, 10)]
    assert events == ["sonar starts", "sonar ended in order"]
    lines = control.follow_log(home.project, home.environ, 1)
    assert json.loads(next(lines))["event"] == "sonar ended in order"


def test_looking_from_outside_loads_nothing_heavy() -> None:
    """What `amalfa sonar status` pays for."""
    code = (
        "import sys, amalfa.daemon.control\n"
        "heavy = ('asyncio', 'anyio', 'httpx', 'pydantic', 'apsw', 'rich', 'uvicorn', 'starlette', 'psutil',\n"
        "         'logging', 'subprocess', 'ssl', 'http', 'platformdirs')\n"
        "print(*(name for name in heavy if name in sys.modules))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert ran.stdout.strip() == ""


def _is_idle(home: Home) -> bool:
    try:
        request(home.places.socket, "POST", "/sonar/shutdown", {"ifIdle": True, "only_look": True})
    except RemoteError:
        return False
    return True


def _state_of(pid: int, *, nonce: str) -> State:
    return State(
        pid=pid,
        start_time=start_time_of(pid) or "",
        boot_id=boot_id(),
        nonce=nonce,
        version=__version__,
        protocol=PROTOCOL,
        socket="/nowhere/s.sock",
        root="/",
        config="/c",
        started_at="",
    )
