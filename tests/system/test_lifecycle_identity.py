"""Which process is meant, and whether it is alive. The numbers are rows of the lifecycle checklist."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from amalfa.client.connection import request
from amalfa.daemon.identity import start_time_of
from amalfa.daemon.lock import is_held
from amalfa.daemon.state import read_state, write_state
from tests.system.harness import Home, is_alive, new_home, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import running_in_thread


def test_a_process_that_does_not_answer_is_not_called_running(home: Home) -> None:
    """17: SIGSTOP"""
    home.use_stand_in()
    pid = home.start()
    os.kill(pid, signal.SIGSTOP)
    began_s = time.monotonic()
    status = home.cli("sonar", "status")
    assert time.monotonic() - began_s < 3
    assert status.returncode == 1
    assert f"not answering (pid {pid})" in status.stdout
    os.kill(pid, signal.SIGCONT)
    assert home.cli("sonar", "status").returncode == 0


def test_a_busy_sonar_still_tells_how_it_is(home: Home) -> None:
    """18: a long generation"""
    with running_in_thread(OllamaSimulator()) as ollama:
        ollama.simulator.script("*", then={"text": "word " * 200, "token_ms": 100})
        home.write_config({"sonar": {"host": f"127.0.0.1:{ollama.port}"}})
        home.start()
        asking = home.spawn("ask", "How is the kettle descaled?", "--local")
        wait_until(lambda: ollama.simulator.requests_to("/api/chat"))
        for _ in range(5):
            began_s = time.monotonic()
            assert request(home.places.socket, "GET", "/sonar/health").status == 200
            assert request(home.places.socket, "GET", "/sonar/status").status == 200
            assert time.monotonic() - began_s < 1
        assert home.cli("sonar", "status").returncode == 0
        assert asking.poll() is None
        asking.kill()
        asking.communicate()


def test_stop_never_signals_a_process_that_only_has_the_recorded_pid(home: Home) -> None:
    """19, D6: the pid of a `sleep` in the state file survives"""
    home.use_stand_in()
    pid = home.start()
    state = home.state
    assert state is not None
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as bystander:
        forged = replace(state, pid=bystander.pid, start_time=start_time_of(bystander.pid) or "")
        os.kill(pid, signal.SIGSTOP)
        write_state(home.places.state, forged)
        refused = home.cli("sonar", "restart", "--force")
        assert refused.returncode == 3
        assert "no signal was sent" in refused.stderr
        os.kill(pid, signal.SIGCONT)
        assert home.cli("sonar", "stop").returncode == 0
        write_state(home.places.state, forged)
        assert home.cli("sonar", "stop").returncode == 0
        assert bystander.poll() is None
        bystander.kill()


def test_force_replaces_a_wedged_sonar(home: Home) -> None:
    """20"""
    home.use_stand_in()
    first = home.start()
    os.kill(first, signal.SIGSTOP)
    restarted = home.cli("sonar", "restart", "--force")
    assert restarted.returncode == 0, restarted.stderr
    assert not is_alive(first)
    assert home.lives_as(home.pid)
    assert home.pid != first


def test_a_removed_socket_is_put_back(home: Home) -> None:
    """21"""
    home.use_stand_in()
    pid = home.start()
    for _ in range(2):
        home.places.socket.unlink()
        wait_until(home.places.socket.is_socket, patience_s=5)
        assert request(home.places.socket, "GET", "/sonar/health").status == 200
    assert home.lives_as(pid)
    assert home.places.socket.stat().st_mode & 0o777 == 0o600


def test_a_removed_state_file_is_put_back(home: Home) -> None:
    """21"""
    home.use_stand_in()
    pid = home.start()
    home.places.state.unlink()
    wait_until(lambda: home.state is not None and home.pid == pid, patience_s=5)


@pytest.mark.parametrize("loss", ["a file in its place", "the folder removed", "another listener"])
def test_a_sonar_that_nobody_can_find_any_more_ends(home: Home, loss: str) -> None:
    """21: within 5 s, touching nothing"""
    home.use_stand_in()
    foreground = home.spawn("sonar", "run")
    wait_until(lambda: home.cli("sonar", "status").returncode == 0)
    folder, usurper = home.places.folder, None
    match loss:
        case "a file in its place":
            home.places.socket.unlink()
            home.places.socket.write_text("precious")
        case "the folder removed":
            folder.rename(folder.with_name("moved"))
        case "another listener":
            home.places.socket.unlink()
            usurper = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "import socket, sys, time\n"
                    "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); time.sleep(60)",
                    str(home.places.socket),
                ]
            )
            wait_until(home.places.socket.is_socket)
    began_s = time.monotonic()
    try:
        _, err = foreground.communicate(timeout=10)
        assert time.monotonic() - began_s < 6
        assert foreground.returncode == 1, err
        if loss == "a file in its place":
            assert home.places.socket.read_text() == "precious"
        if usurper is not None:
            assert home.places.socket.is_socket()
    finally:
        foreground.kill()
        if usurper is not None:
            usurper.kill()
            usurper.wait()


def test_there_is_one_sonar_for_each_real_project_root(home: Home) -> None:
    """22"""
    home.use_stand_in()
    pid = home.start()
    link = home.folder / "link"
    link.symlink_to(home.root)
    below = home.root / "deep" / "below"
    below.mkdir(parents=True)
    for folder in (link, below, link / "deep"):
        started = home.cli("sonar", "start", cwd=folder)
        assert f"already running (pid {pid}," in started.stdout
    with new_home() as other:
        other.use_stand_in()
        assert other.start() != pid
        assert other.places.folder.name != home.places.folder.name
    second = home.folder / "second"
    second.mkdir()
    (second / "amalfa.config.json").write_text("{}")
    assert home.cli("sonar", "start", cwd=second).returncode == 0
    assert len(home.daemons()) == 2


def test_every_shell_of_the_user_finds_the_same_sonar(home: Home) -> None:
    """22, 26: ssh and cron know neither XDG_RUNTIME_DIR nor TMPDIR"""
    home.use_stand_in()
    pid = home.start()
    desktop = {"XDG_RUNTIME_DIR": str(home.folder / "run"), "TMPDIR": str(home.folder / "tmp"), "LANG": "de_DE.UTF-8"}
    for value in desktop.values():
        Path(value).mkdir(exist_ok=True) if value.startswith("/") else None
    assert f"(pid {pid}," in home.cli("sonar", "start", environ=desktop).stdout
    bare = {"HOME", "AMALFA_HOME", "PYTHONPATH"}
    home.environ = {name: value for name, value in home.environ.items() if name in bare}
    assert f"(pid {pid}," in home.cli("sonar", "start").stdout
    assert home.lives_as(pid)


def test_without_amalfa_home_the_place_follows_from_the_home_folder_alone(home: Home) -> None:
    """26"""
    home.use_stand_in()
    del home.environ["AMALFA_HOME"]
    started = home.cli("sonar", "start", "--json")
    assert started.returncode == 0, started.stderr
    assert str(home.folder / "user") in started.stdout
    again = home.cli("sonar", "start", environ={"TMPDIR": "/var/tmp", "XDG_RUNTIME_DIR": "/run/user/0"})
    assert "already running" in again.stdout


def test_the_state_is_replaced_in_one_step(home: Home) -> None:
    home.use_stand_in()
    home.start()
    torn: list[object] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            if home.places.state.exists() and read_state(home.places.state) is None and home.places.state.exists():
                torn.append(home.places.state.read_bytes())

    onlooker = threading.Thread(target=look)
    onlooker.start()
    assert home.cli("sonar", "restart").returncode == 0
    over.set()
    onlooker.join()
    assert torn == []
    assert is_held(home.places.life_lock)
