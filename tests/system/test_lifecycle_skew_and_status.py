"""Old daemons, status, logs, diagnosis. The numbers are rows of the lifecycle checklist."""

import json
import os
import re
import signal
import threading
from collections.abc import Callable

import pytest

from amalfa.client.connection import request
from tests.system.harness import Home, ended, wait_until

ASK = ("ask", "How is the kettle descaled?")
OLD = {"STAND_IN_VERSION": "0.0.9"}

STATUS_FIELDS = {
    "running": bool,
    "pid": int,
    "version": str,
    "protocol": int,
    "uptime_s": float,
    "socket": str,
    "root": str,
    "config": {"path": str, "generation": int, "loaded_at": str, "problems": list},
    "inference": {"mode": str, "model": str, "tier": str, "reason": str},
    "providers": list,
    "index": {"notes": int, "passages": int, "updated_at": str, "stale": int},
    "jobs": {"queued": int, "running": int, "failed": int},
    "queue": {"interactive": int, "background": int},
    "usage_today": {"calls": int, "cost_usd": float},
}
"""What others rely on: fields may be added, never renamed."""


def start_old(home: Home) -> int:
    home.use_stand_in()
    started = home.cli("sonar", "start", environ=OLD)
    assert started.returncode == 0, started.stderr
    return home.pid


def test_an_idle_old_sonar_is_replaced_in_one_try(home: Home) -> None:
    """52"""
    old = start_old(home)
    started = home.cli("sonar", "start")
    assert started.returncode == 0
    assert "version 0.1.0" in started.stdout
    assert "0.0.9" not in started.stdout + started.stderr
    assert home.pid != old
    assert home.lives_as(home.pid)


def test_a_busy_old_sonar_is_used_and_one_line_says_so(home: Home) -> None:
    """52, 53"""
    old = start_old(home)
    worker = threading.Thread(target=request, args=(home.places.socket, "POST", "/work", {"s": 2}))
    worker.start()
    wait_until(lambda: _is_busy(home))
    started = home.cli("sonar", "start")
    assert started.returncode == 0
    assert started.stderr.count("0.0.9") == 1
    assert "amalfa sonar restart" in started.stderr
    as_json = json.loads(home.cli("sonar", "start", "--json").stdout)
    assert as_json["data"]["version"] == "0.0.9"
    assert home.lives_as(old)
    worker.join()


def test_hello_tells_protocol_version_pid_and_nonce(home: Home) -> None:
    """52"""
    home.start()
    hello = request(home.places.socket, "GET", "/sonar/health").body
    state = home.state
    assert state is not None
    assert hello == {"ok": True, "pid": state.pid, "version": state.version, "protocol": 1, "nonce": state.nonce}


def test_status_has_the_promised_fields_for_programs_and_the_gist_for_people(home: Home) -> None:
    """54"""
    pid = home.start()
    wait_until(lambda: home.json("sonar", "status")["index"]["notes"] == 1)
    told = home.json("sonar", "status")
    _assert_fields(told, STATUS_FIELDS)
    assert (told["running"], told["pid"], told["socket"]) == (True, pid, str(home.places.socket))
    for_people = home.cli("sonar", "status")
    assert for_people.returncode == 0
    assert re.search(rf"^sonar +running, pid {pid}, version 0\.1\.0", for_people.stdout)
    assert str(home.places.socket) in for_people.stdout
    assert "\x1b" not in for_people.stdout


def test_status_of_no_sonar_is_3_and_says_so_both_ways(home: Home) -> None:
    """54"""
    ran = home.cli("sonar", "status", "--json")
    assert ran.returncode == 3
    assert json.loads(ran.stdout)["data"] == {"running": False}
    ran = home.cli("sonar", "status")
    assert (ran.returncode, ran.stdout.strip()) == (3, "Sonar is not running.")


def test_the_log_is_private_and_survives_restarts(home: Home) -> None:
    """55"""
    home.use_stand_in()
    for _ in range(3):
        home.start()
        assert home.cli("sonar", "stop").returncode == 0
    assert home.log_text.count('"sonar starts"') == 3
    assert home.places.log.stat().st_mode & 0o777 == 0o600
    for line in home.log_text.splitlines():
        assert {"at", "level", "logger", "event"} <= set(json.loads(line))


def test_sonar_lives_with_a_log_that_cannot_grow(home: Home) -> None:
    """55, E2, G5: as on a full disk"""
    home.use_stand_in(then="import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))")
    pid = home.start()
    with home.places.log.open("a") as log:
        log.write("x" * 2000 + "\n")
    home.environ["STAND_IN"] = "{}"
    for _ in range(3):
        assert request(home.places.socket, "GET", "/sonar/health").status == 200
        os.kill(pid, 0)
    assert home.cli("sonar", "stop").returncode == 0
    assert home.lives_as()


def test_logs_can_be_followed(home: Home) -> None:
    """56"""
    home.use_stand_in()
    home.start()
    assert home.cli("sonar", "logs", "-n", "0").stdout == ""
    assert json.loads(home.cli("sonar", "logs", "-n", "1").stdout)["event"] == "sonar starts"
    following = home.spawn("sonar", "logs", "-f", "-n", "1")
    assert following.stdout is not None
    assert "sonar starts" in following.stdout.readline()
    assert home.cli("sonar", "stop").returncode == 0
    assert "sonar ended in order" in following.stdout.readline()
    following.kill()
    ended(following)


@pytest.mark.parametrize("failure", [{"die": True}, {"crash": True}, {"open_s": 60}], ids=["dies", "crashes", "hangs"])
def test_a_failed_start_says_where_to_look(home: Home, failure: dict[str, object]) -> None:
    """56: the path of the log, or the command that shows it"""
    home.use_stand_in(**failure)
    with (home.folder / "site" / "sitecustomize.py").open("a") as site:
        site.write("from amalfa.daemon import control\ncontrol.start.__kwdefaults__['timeout_s'] = 0.7\n")
    started = home.cli("sonar", "start")
    assert started.returncode != 0
    assert str(home.places.log) in started.stderr or "amalfa sonar logs" in started.stderr


def foreign_host(home: Home) -> None:
    home.environ["OPENROUTER_API_KEY"] = "sk-or-v1-0123456789abcdef0123456789abcdef"
    home.write_config({"sonar": {"cloud": {"enabled": True, "host": "models.example/api"}}})


def taken_socket_path(home: Home) -> None:
    home.places.folder.mkdir(parents=True)
    home.places.socket.write_text("precious")


def linked_folder(home: Home) -> None:
    (home.folder / "elsewhere").mkdir()
    home.places.folder.parent.mkdir(parents=True)
    home.places.folder.symlink_to(home.folder / "elsewhere")


def open_folder(home: Home) -> None:
    home.places.folder.mkdir(parents=True)
    home.places.folder.chmod(0o777)


def stopped_sonar(home: Home) -> None:
    home.use_stand_in()
    os.kill(home.start(), signal.SIGSTOP)


def readable_keys(home: Home) -> None:
    (home.root / ".env").write_text("OPENROUTER_API_KEY=sk-or-v1-0123456789abcdef0123456789abcdef\n")
    (home.root / ".env").chmod(0o644)


def damaged_database(home: Home) -> None:
    home.places.folder.mkdir(parents=True)
    home.places.database.write_text("not a database" * 1000)


SABOTAGES: dict[str, tuple[Callable[[Home], object], set[str]]] = {
    "no project": (lambda home: (home.root / "amalfa.config.json").unlink(), {"project"}),
    "a broken configuration": (lambda home: home.write_config("{"), {"config"}),
    "an unknown key": (lambda home: home.write_config({"sonar": {"modle": "x"}}), {"config"}),
    "a wrong type": (lambda home: home.write_config({"sonar": {"enabled": "yes"}}), {"config"}),
    "no Ollama": (lambda home: home.write_config({"sonar": {"host": "127.0.0.1:9"}}), {"ollama"}),
    "a cloud without a key": (lambda home: home.write_config({"sonar": {"cloud": {"enabled": True}}}), {"keys"}),
    "a host the user never approved": (foreign_host, {"config", "trust"}),
    "a source outside the project": (
        lambda home: home.write_config({"docs": {"sources": ["/etc"]}}),
        {"config", "trust"},
    ),
    "keys that others can read": (readable_keys, {"keys"}),
    "a home that is a file": (lambda home: home.state_folder.write_text(""), {"home"}),
    "a folder that is a link": (linked_folder, {"home"}),
    "a folder open to all": (open_folder, {"home"}),
    "a lock that is a folder": (lambda home: home.places.life_lock.mkdir(parents=True), {"sonar"}),
    "a socket path that is taken": (taken_socket_path, {"files"}),
    "a sonar that does not answer": (stopped_sonar, {"sonar"}),
    "a damaged database": (damaged_database, {"files", "database", "databases"}),
}


@pytest.mark.parametrize("sabotage", SABOTAGES)
def test_doctor_names_what_is_wrong_with_a_fix_and_starts_nothing(home: Home, sabotage: str) -> None:
    """57"""
    spoil, checks = SABOTAGES[sabotage]
    spoil(home)
    before = home.daemons()
    ran = home.cli("doctor", "--json")
    findings = json.loads(ran.stdout)["data"]["findings"]
    found = [finding for finding in findings if finding["state"] != "ok" and finding["check"] in checks]
    assert found, findings
    assert all(finding["fix"] for finding in findings if finding["state"] == "problem")
    assert home.daemons() == before
    assert "Traceback" not in ran.stderr


def _is_busy(home: Home) -> bool:
    from amalfa.client.failures import RemoteError

    try:
        request(home.places.socket, "POST", "/sonar/shutdown", {"ifIdle": True, "only_look": True})
    except RemoteError:
        return True
    return False


def _assert_fields(told: object, expected: dict[str, object]) -> None:
    assert isinstance(told, dict)
    for name, kind in expected.items():
        if isinstance(kind, dict):
            _assert_fields(told[name], kind)
        else:
            assert isinstance(told[name], (int, float) if kind is float else kind), name  # type: ignore[arg-type]
