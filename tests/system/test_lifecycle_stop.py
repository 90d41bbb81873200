"""Ending and coming back: nothing cut short, nothing lost. The numbers are rows of the lifecycle checklist."""

import json
import os
import random
import signal
import subprocess
import threading
import time

import apsw
import pytest

from amalfa.client.connection import request
from amalfa.client.failures import RemoteError
from amalfa.daemon.lock import is_held
from tests.system.harness import Home, ended, is_alive, rounds, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

ASK = ("ask", "How is the kettle descaled?")


class Work(threading.Thread):
    """A request to the stand-in that takes its time; `outcome` is its status, or the code of its error."""

    def __init__(self, home: Home, seconds: float) -> None:
        super().__init__()
        self.outcome: int | str = "nothing yet"
        self._home = home
        self._seconds = seconds
        self.start()
        wait_until(lambda: "busy" in self._probe())

    def run(self) -> None:
        try:
            reply = request(self._home.places.socket, "POST", "/work", {"s": self._seconds}, timeout_s=30)
            self.outcome = reply.status
        except RemoteError as error:
            self.outcome = error.code

    def _probe(self) -> str:
        try:
            request(self._home.places.socket, "POST", "/sonar/shutdown", {"ifIdle": True, "only_look": True})
        except RemoteError as error:
            return error.code
        return "idle"


@pytest.fixture
def stand_in(home: Home) -> Home:
    home.use_stand_in()
    home.start()
    return home


def test_stop_during_a_question_lets_it_be_answered(home: Home) -> None:
    """39: the real engine"""
    with running_in_thread(OllamaSimulator()) as ollama:
        _answer_slowly(ollama, home, seconds=1.5)
        home.start()
        asking = home.spawn(*ASK)
        wait_until(lambda: ollama.simulator.requests_to("/api/chat"))
        stopped = home.cli("sonar", "stop")
        code, out, err = ended(asking)
        assert stopped.returncode == 0, stopped.stderr
        assert (code, "word" in out) == (0, True), err
        assert home.lives_as()


def test_a_stopping_sonar_takes_no_new_work_and_finishes_what_it_has(stand_in: Home) -> None:
    """39"""
    work = Work(stand_in, 1)
    began_s = time.monotonic()
    stopping = stand_in.spawn("sonar", "stop")
    wait_until(lambda: _refusal(stand_in) == "shutting_down")
    assert request(stand_in.places.socket, "GET", "/sonar/status").status == 200
    code, _, _ = ended(stopping)
    work.join()
    assert (code, work.outcome) == (0, 200)
    assert 0.5 < time.monotonic() - began_s < 5
    assert stand_in.lives_as()


def test_work_that_outlives_the_grace_gets_a_clear_error(home: Home) -> None:
    """39, D7: the grace is shortened for the test"""
    home.use_stand_in(then="from amalfa.daemon import lifetime; lifetime.GRACE_S = 1.0")
    home.start()
    work = Work(home, 30)
    began_s = time.monotonic()
    assert home.cli("sonar", "stop").returncode == 0
    work.join()
    assert work.outcome == "shutting_down"
    assert 0.8 < time.monotonic() - began_s < 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_wait(home: Home, number: signal.Signals) -> None:
    """39, D8"""
    home.use_stand_in()
    home.start()
    pid = home.pid
    work = Work(home, 30)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: _refusal(home) == "shutting_down")
    began_s = time.monotonic()
    os.kill(pid, number)
    wait_until(lambda: not is_alive(pid))
    assert time.monotonic() - began_s < 3
    work.join()
    assert work.outcome == "shutting_down"
    assert not home.places.socket.exists()


def test_an_idle_sonar_ends_within_a_second(stand_in: Home) -> None:
    """D7"""
    pid = stand_in.pid
    began_s = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_held(stand_in.places.life_lock))
    assert time.monotonic() - began_s < 1
    assert not stand_in.places.socket.exists()
    assert stand_in.state is None


def test_an_engine_that_never_closes_does_not_keep_the_process(home: Home) -> None:
    home.use_stand_in(hang_on_close=True, then="from amalfa.daemon import lifetime; lifetime.CLOSE_LIMIT_S = 0.5")
    home.start()
    assert home.cli("sonar", "stop").returncode == 0
    assert home.lives_as()


def test_stop_returns_when_the_place_is_free(home: Home) -> None:
    """40: 200 rounds of stop && start"""
    home.use_stand_in()
    before = home.start()
    for _ in range(rounds(5)):
        assert home.cli("sonar", "stop").returncode == 0
        assert not is_held(home.places.life_lock)
        assert not home.places.socket.exists()
        started = home.cli("sonar", "start")
        assert started.returncode == 0, started.stderr
        assert "Sonar started" in started.stdout
        assert home.pid != before
        before = home.pid
    assert home.lives_as(before)


def test_questions_during_restarts_all_get_their_answers(home: Home) -> None:
    """41: 20 restarts"""
    home.start()
    failures: list[str] = []
    answered = 0
    over = threading.Event()

    def keep_asking() -> None:
        nonlocal answered
        while not over.is_set():
            asked = home.cli(*ASK, timeout_s=60)
            answered += asked.returncode == 0
            if asked.returncode:
                failures.append(asked.stderr)

    asker = threading.Thread(target=keep_asking)
    asker.start()
    for _ in range(rounds(4)):
        assert home.cli("sonar", "restart", timeout_s=60).returncode == 0
    over.set()
    asker.join()
    assert failures == []
    assert answered > 3
    assert home.lives_as(home.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end_is_status_0(home: Home, number: signal.Signals) -> None:
    """42"""
    home.use_stand_in()
    sonar = _foreground(home)
    sonar.send_signal(number)
    code, _, err = ended(sonar)
    assert code == 0, err
    assert "Traceback" not in err
    assert f"Sonar is running (pid {sonar.pid})" in err
    assert "info: sonar ended in order" in err


def test_a_crash_is_not_status_0(home: Home) -> None:
    """42"""
    home.use_stand_in(crash=True)
    code, _, err = ended(home.spawn("sonar", "run"))
    assert code == 1
    assert "the stand-in crashed" in err
    assert "sk-or" not in err


def test_a_stop_while_starting_is_obeyed_at_once(home: Home) -> None:
    home.use_stand_in(open_s=30)
    starting = home.spawn("sonar", "start")
    wait_until(lambda: home.state is not None)
    stopped = home.cli("sonar", "stop")
    code, _, err = ended(starting)
    assert stopped.returncode == 0, stopped.stderr
    assert (code, "stopped while it started" in err) == (3, True), err
    assert home.lives_as()


def test_a_sonar_that_always_crashes_is_tried_once_for_each_command(home: Home) -> None:
    """43, D13: no loop, no spinning"""
    home.use_stand_in(crash=True)
    for count in range(1, 4):
        asked = home.cli(*ASK)
        assert asked.returncode == 1
        assert "the stand-in crashed" in asked.stderr
        assert home.log_text.count('"sonar starts"') == count
    time.sleep(0.5)
    assert home.log_text.count('"sonar starts"') == 3
    assert home.lives_as()


def test_killed_at_any_moment_index_and_ledger_and_log_stay_whole(home: Home) -> None:
    """44, D2: 200 kills"""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for number in range(rounds(5)):
        home.write_note(f"n{number}.md", f"# Note {number}\n\nThe password of box {number} is blue.\n")
        asking = home.spawn(*ASK)
        time.sleep(chance.uniform(0.2, 1.2))
        for pid in home.daemons():
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not is_alive(pid))
        ended(asking, patience_s=60)
    asked = home.cli(*ASK)
    assert asked.returncode == 0, (seed, asked.stderr)
    assert home.cli("sonar", "stop").returncode == 0
    for database in (home.places.database, home.places.index):
        connection = apsw.Connection(str(database))
        assert connection.pragma("integrity_check") == "ok", (seed, database)
        connection.close()
    for line in home.log_text.splitlines():
        assert json.loads(line)["event"], (seed, line)


def _answer_slowly(ollama: InThread[OllamaSimulator], home: Home, *, seconds: float) -> None:
    ollama.simulator.script("*", then={"text": "word " * 20, "token_ms": seconds * 1000 / 20})
    home.write_config({"sonar": {"host": f"127.0.0.1:{ollama.port}", "model": "qwen2.5:1.5b"}})


def _refusal(home: Home) -> str:
    try:
        request(home.places.socket, "POST", "/work", {"s": 0})
    except RemoteError as error:
        return error.code
    return ""


def _foreground(home: Home) -> "subprocess.Popen[str]":
    sonar = home.spawn("sonar", "run")
    wait_until(home.places.socket.is_socket)
    assert request(home.places.socket, "GET", "/sonar/health").status == 200
    return sonar
