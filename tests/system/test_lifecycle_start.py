"""Starting sonar: once, quickly, for a reason that is told. The numbers are rows of the lifecycle checklist."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amalfa.client.connection import request
from amalfa.daemon.lock import is_held
from tests.system.harness import REPOSITORY, Home, ended, is_alive, rounds, wait_until


def test_the_first_question_starts_sonar_and_is_answered(home: Home) -> None:
    """1"""
    asked = home.cli("ask", "How is the kettle descaled?")
    assert asked.returncode == 0, asked.stderr
    assert "vinegar" in asked.stdout
    assert home.lives_as(home.pid)


def test_many_clients_at_once_get_their_answers_from_one_sonar(home: Home) -> None:
    """2: 50 clients"""
    clients = [home.spawn("ask", "How is the kettle descaled?") for _ in range(rounds(8))]
    for client in clients:
        code, out, err = ended(client, patience_s=120)
        assert (code, "vinegar" in out) == (0, True), err
    assert home.lives_as(home.pid)
    assert home.log_text.count('"sonar starts"') == 1


def test_two_starts_at_one_instant_have_one_winner_each_time(home: Home) -> None:
    """2, D4: 100 rounds"""
    home.use_stand_in()
    for _ in range(rounds(4)):
        starts = [home.spawn("sonar", "start") for _ in range(2)]
        told = [ended(start) for start in starts]
        assert [code for code, _, _ in told] == [0, 0], told
        assert sorted("already" in out for _, out, _ in told) == [False, True], told
        assert home.lives_as(home.pid)
        assert home.cli("sonar", "stop").returncode == 0


def test_a_killed_sonar_holds_nothing_and_the_next_one_starts_at_once(home: Home) -> None:
    """3, 7: SIGKILL leaves lock file, state and socket behind"""
    first = home.start()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_alive(first))
    wait_until(lambda: not is_held(home.places.life_lock), patience_s=1)
    assert home.places.socket.is_socket()
    asked = home.cli("ask", "How is the kettle descaled?")
    assert asked.returncode == 0, asked.stderr
    assert home.lives_as(home.pid)
    assert home.pid != first


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_lock_file_taken_away_from_a_live_sonar_lets_no_second_one_in(home: Home, replaced: bool) -> None:
    """4"""
    home.use_stand_in()
    pid = home.start()
    home.places.life_lock.unlink()
    if replaced:
        home.places.life_lock.write_text("")
    second = home.cli("sonar", "run")
    assert second.returncode != 0
    assert "Another process listens" in second.stderr
    assert home.start() == pid
    wait_until(lambda: "the life lock was gone" in home.log_text, patience_s=5)
    wait_until(lambda: is_held(home.places.life_lock))
    assert home.cli("sonar", "run").returncode == 7
    assert home.cli("sonar", "stop").returncode == 0
    assert home.lives_as()


def test_the_lock_comes_before_the_database_and_the_database_before_the_socket(home: Home) -> None:
    """5"""
    notes = home.folder / "order"
    home.inject_into_sonar(
        f"""
        import os
        folder = {str(home.places.folder)!r}

        def note(event, args):
            if event in ("fcntl.flock", "socket.bind"):
                has_database = os.path.exists(os.path.join(folder, "sonar.db"))
                with open({str(notes)!r}, "a") as file:
                    file.write(f"{{event}} {{has_database}}\\n")

        sys.addaudithook(note)
        """
    )
    home.start()
    order = notes.read_text().splitlines()
    assert order[0] == "fcntl.flock False"
    assert order[-1] == "socket.bind True"


def test_a_second_foreground_sonar_names_the_first_and_leaves_it_alone(home: Home) -> None:
    """6, D3"""
    pid = home.start()
    inode = home.places.socket.lstat().st_ino
    began_s = time.monotonic()
    second = home.cli("sonar", "run")
    assert time.monotonic() - began_s < 3
    assert second.returncode == 7
    assert f"pid {pid}" in second.stderr
    assert home.places.socket.lstat().st_ino == inode
    assert home.json("sonar", "status")["pid"] == pid


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_path_taken_by_something_else_is_refused_with_the_reason(home: Home, kind: str) -> None:
    """8"""
    home.use_stand_in()
    home.places.folder.mkdir(parents=True)
    victim = home.folder / "victim"
    victim.write_text("precious")
    if kind == "file":
        shutil.copy(victim, home.places.socket)
    else:
        home.places.socket.symlink_to(victim)
    started = home.cli("sonar", "start")
    assert started.returncode == 1
    assert str(home.places.socket) in started.stderr
    assert "Fix: mv" in started.stderr
    assert victim.read_text() == home.places.socket.read_text() == "precious"
    assert home.lives_as()


def test_ready_means_that_it_answers(home: Home) -> None:
    """9"""
    home.use_stand_in(open_s=1)
    began_s = time.monotonic()
    home.start()
    assert time.monotonic() - began_s >= 1
    assert request(home.places.socket, "GET", "/sonar/health").status == 200


def test_a_broken_configuration_is_told_at_once_with_all_its_problems(home: Home) -> None:
    """10"""
    home.write_config('{\n  "sonar": {\n    "modle": "x",\n    "host": 7\n  }\n}\n')
    for command in (("sonar", "start"), ("ask", "anything")):
        began_s = time.monotonic()
        refused = home.cli(*command)
        assert time.monotonic() - began_s < 3
        assert refused.returncode == 8, refused.stderr
        assert "modle" in refused.stderr
        assert "host" in refused.stderr
        assert "amalfa.config.json:3" in refused.stderr
    as_json = home.cli("sonar", "start", "--json")
    assert as_json.returncode == 8
    assert len(json.loads(as_json.stdout)["error"]["problems"]) == 2
    assert home.lives_as()


def test_a_crash_while_starting_shows_the_reason(home: Home) -> None:
    """10"""
    home.use_stand_in(die=True)
    began_s = time.monotonic()
    started = home.cli("sonar", "start")
    assert time.monotonic() - began_s < 3
    assert started.returncode == 1
    assert "status 42" in started.stderr
    assert str(home.places.log) in started.stderr


def test_a_start_that_never_gets_ready_names_cause_and_log(home: Home) -> None:
    """11"""
    home.use_stand_in(open_s=60)
    with (home.folder / "site" / "sitecustomize.py").open("a") as site:
        site.write("from amalfa.daemon import control\ncontrol.start.__kwdefaults__['timeout_s'] = 1\n")
    started = home.cli("sonar", "start")
    assert started.returncode == 6
    assert "not ready" in started.stderr
    assert "sonar starts" in started.stderr
    assert str(home.places.log) in started.stderr


def test_a_started_sonar_keeps_nothing_of_its_starter(home: Home) -> None:
    """12, D11"""
    home.use_stand_in()
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    piped = subprocess.run(  # noqa: S602  # a shell's pipe is what is tested
        f"{sys.executable} -m amalfa sonar start | cat",
        shell=True,
        stdin=subprocess.PIPE,
        capture_output=True,
        env=home.environ,
        cwd=home.root,
        pass_fds=(theirs,),
        timeout=20,
        check=True,
    )
    os.close(theirs)
    assert b"Sonar started" in piped.stdout
    # The end of the pipe shows that nobody holds its other side any more.
    assert os.read(ours, 1) == b""
    os.close(ours)
    pid = home.pid
    assert os.getsid(pid) == pid
    assert os.getpgid(pid) == pid
    if os.getuid() == 0:  # the process cannot be looked into by anybody else
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")


def test_starting_twice_is_no_error(home: Home) -> None:
    """13"""
    home.use_stand_in()
    pid = home.start()
    again = home.cli("sonar", "start")
    assert again.returncode == 0
    assert f"already running (pid {pid}, version 0.1.0)" in again.stdout


def test_stopping_twice_is_no_error(home: Home) -> None:
    """14"""
    home.use_stand_in()
    home.start()
    assert [home.cli("sonar", "stop").returncode for _ in range(2)] == [0, 0]
    assert home.lives_as()


@pytest.mark.parametrize(
    "command",
    [
        ("sonar", "stop"),
        ("sonar", "status"),
        ("sonar", "logs"),
        ("sonar", "reload"),
        ("doctor",),
        ("completion", "bash"),
        ("config", "check"),
        ("--version",),
        ("--help",),
    ],
    ids=" ".join,
)
def test_commands_that_only_look_never_start_sonar(home: Home, command: tuple[str, ...]) -> None:
    """15"""
    home.cli(*command)
    assert home.lives_as()
    assert not home.places.socket.exists()


def test_nothing_starts_by_itself_when_that_is_switched_off(home: Home) -> None:
    """15"""
    off = {"AMALFA_NO_AUTOSTART": "1"}
    asked = home.cli("ask", "How is the kettle descaled?", environ=off)
    assert asked.returncode == 3
    assert "amalfa sonar start" in asked.stderr
    assert home.lives_as()
    assert home.cli("sonar", "start", environ=off).returncode == 0
    assert home.cli("ask", "How is the kettle descaled?", environ=off).returncode == 0


def test_a_supervisor_passes_the_socket_and_is_told_of_every_turn(home: Home) -> None:
    """16, D9"""
    home.use_stand_in()
    passed, notify = home.folder / "passed.sock", home.folder / "notify.sock"
    with (
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor,
    ):
        listener.bind(str(passed))
        listener.listen()
        supervisor.bind(str(notify))
        supervisor.settimeout(10)
        sonar = _run_supervised(home, listener, notify)
        try:
            assert supervisor.recv(1000) == b"READY=1"
            assert request(passed, "GET", "/sonar/health").status == 200
            assert not home.places.socket.exists()
            assert home.cli("sonar", "status").returncode == 0
            sonar.send_signal(signal.SIGHUP)
            assert supervisor.recv(1000).startswith(b"RELOADING=1")
            assert supervisor.recv(1000) == b"READY=1"
            sonar.send_signal(signal.SIGTERM)
            assert supervisor.recv(1000) == b"STOPPING=1"
            assert sonar.wait(10) == 0
            assert passed.is_socket()
        finally:
            sonar.kill()
            sonar.communicate()


def _run_supervised(home: Home, listener: socket.socket, notify: object) -> "subprocess.Popen[bytes]":
    code = (
        "import os, sys\n"
        f"os.dup2({listener.fileno()}, 3)\n"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\n"
        "sys.argv = ['amalfa', 'sonar', 'run']\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from tests.daemon import stand_in\n"
        "stand_in.install()\n"
        "from amalfa.cli.main import main\n"
        "main()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**home.environ, "NOTIFY_SOCKET": str(notify)},
        cwd=home.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(listener.fileno(),),
    )
