"""Edits of the configuration under a running sonar. The numbers are rows of the lifecycle checklist."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from amalfa.client.connection import request
from amalfa.client.document import Document
from tests.system.harness import Home, ended, rounds, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.threads import InThread, running_in_thread

ASK = ("ask", "How is the kettle descaled?")
KEY = "sk-or-v1-canary0123456789abcdef0123456789abcdef"
IN_FORCE_S = 2.0
"""The promise is 1 s; the other second is for a busy machine."""


@pytest.fixture
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator()) as one:
        yield one


@pytest.fixture
def cloud() -> Iterator[InThread[OpenRouterSimulator]]:
    with running_in_thread(OpenRouterSimulator(keys=[KEY])) as one:
        yield one


def status_of(home: Home) -> Document:
    assert home.state is not None
    return Document(request(home.state.socket, "GET", "/sonar/status").body)


def generation_of(home: Home) -> int:
    return status_of(home).item("config").whole("generation") or 0


def problems_of(home: Home) -> list[Document]:
    return status_of(home).item("config").items("problems")


def config_file(home: Home) -> Path:
    return home.root / "amalfa.config.json"


def in_place(file: Path, text: str) -> None:
    file.write_text(text)


def by_rename(file: Path, text: str) -> None:
    beside = file.with_name(".amalfa.config.json.swp")
    beside.write_text(text)
    beside.replace(file)


def by_delete_and_create(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


def by_backup(file: Path, text: str) -> None:
    """As vim does with `backupcopy=no`."""
    file.replace(file.with_name("amalfa.config.json~"))
    file.write_text(text)


def by_swapped_link(file: Path, text: str) -> None:
    target = file.with_name(f"real-{time.monotonic_ns()}.json")
    target.write_text(text)
    link = file.with_name("next.json")
    link.symlink_to(target.name)
    link.replace(file)


@pytest.mark.parametrize("save", [in_place, by_rename, by_delete_and_create, by_backup, by_swapped_link])
def test_an_edit_is_in_force_soon_and_once_however_it_is_saved(home: Home, save: Callable[[Path, str], None]) -> None:
    """45: 4 styles × 100"""
    home.start()
    before = generation_of(home)
    for number in range(rounds(3)):
        save(config_file(home), json.dumps({"sonar": {"model": f"model-{number}"}}))
        began_s = time.monotonic()
        wait_until(lambda number=number: generation_of(home) > before + number, patience_s=5)
        assert time.monotonic() - began_s < IN_FORCE_S
    time.sleep(0.7)
    assert generation_of(home) == before + rounds(3)


def test_a_bad_edit_keeps_the_old_one_and_is_told_everywhere_until_it_is_mended(home: Home) -> None:
    """46"""
    home.start()
    before = generation_of(home)
    home.write_config('{\n  "sonar": {\n    "modle": "x"\n  }\n}\n')
    wait_until(lambda: problems_of(home), patience_s=5)
    (problem,) = problems_of(home)
    assert problem.text("path").endswith("amalfa.config.json")
    assert problem.whole("line") == 3
    assert "modle" in problem.text("message")
    assert generation_of(home) == before
    asked = home.cli(*ASK)
    assert asked.returncode == 0
    assert "amalfa.config.json:3" in asked.stderr
    assert "modle" in home.log_text
    assert "modle" in home.cli("sonar", "status").stdout
    home.write_config({"sonar": {"model": "mended"}})
    wait_until(lambda: generation_of(home) == before + 1, patience_s=5)
    assert problems_of(home) == []
    assert "amalfa.config.json:3" not in home.cli(*ASK).stderr


def test_work_keeps_the_configuration_it_began_with_and_no_edit_is_lost(
    home: Home, ollama: InThread[OllamaSimulator]
) -> None:
    """48"""
    address = f"127.0.0.1:{ollama.port}"
    home.write_config({"sonar": {"host": address, "model": "qwen2.5:1.5b"}})
    home.start()
    ollama.simulator.script("/api/chat", {"text": "word " * 20, "token_ms": 100})
    asking = home.spawn(*ASK, "--json")
    wait_until(lambda: ollama.simulator.requests_to("/api/chat"))
    for number in range(10):
        home.write_config({"sonar": {"host": address, "model": f"model-{number}"}})
        time.sleep(0.05)
    code, out, err = ended(asking)
    assert code == 0, err
    route = json.loads(out)["data"]["route"]
    assert (route["model"], route["generation"]) == ("ollama:qwen2.5:1.5b", 1)
    wait_until(lambda: "model-9" in home.cli("route", "anything", "--json").stdout or generation_of(home) > 1)
    asked = json.loads(home.cli(*ASK, "--json").stdout)
    assert any("model-9" in judged["model"] for judged in asked["data"]["route"]["candidates"])


def test_no_call_fails_because_of_reloads(home: Home) -> None:
    """48, C6, C7"""
    home.start()
    over = threading.Event()

    def keep_saving() -> None:
        number = 0
        while not over.is_set():
            by_rename(config_file(home), json.dumps({"sonar": {"model": f"m{number}"}}))
            number += 1
            time.sleep(0.02)

    saver = threading.Thread(target=keep_saving)
    saver.start()
    try:
        for _ in range(rounds(40)):
            reply = request(home.places.socket, "POST", "/sonar/ask", {"question": ASK[1]})
            assert Document(reply.body).text("answer")
    finally:
        over.set()
        saver.join()
    assert problems_of(home) == []


@pytest.mark.parametrize("damage", ["deleted", "unreadable", "a folder", "a dangling link", "empty"])
def test_a_file_that_cannot_be_read_keeps_the_old_one_until_it_is_back(home: Home, damage: str) -> None:
    """49, C5"""
    if damage == "unreadable" and os.getuid() == 0:
        pytest.skip("root can read everything")
    home.write_config({"sonar": {"model": "first"}})
    home.start()
    before = generation_of(home)
    file = config_file(home)
    match damage:
        case "deleted":
            file.unlink()
        case "unreadable":
            file.chmod(0)
        case "a folder":
            file.unlink()
            file.mkdir()
        case "a dangling link":
            file.unlink()
            file.symlink_to("nowhere.json")
        case "empty":
            file.write_text("")
    wait_until(lambda: problems_of(home), patience_s=5)
    assert generation_of(home) == before
    assert request(home.places.socket, "POST", "/sonar/ask", {"question": ASK[1]}).status == 200
    if file.is_dir():
        file.rmdir()
    else:
        file.unlink(missing_ok=True)
    home.write_config({"sonar": {"model": "second"}})
    wait_until(lambda: generation_of(home) == before + 1, patience_s=5)
    assert problems_of(home) == []


def test_a_pulled_change_of_host_gets_no_key_until_it_is_trusted(
    home: Home, cloud: InThread[OpenRouterSimulator]
) -> None:
    """50: as after `git pull`"""
    home.environ["OPENROUTER_API_KEY"] = KEY
    home.start()
    before = generation_of(home)
    foreign = {"enabled": True, "host": f"{cloud.url}/api/v1"}
    home.write_config({"sonar": {"cloud": foreign}})
    wait_until(lambda: problems_of(home), patience_s=5)
    assert generation_of(home) == before
    asked = home.cli(*ASK)
    assert asked.returncode == 0
    assert "amalfa.config.json" in asked.stderr
    assert cloud.simulator.received == 0
    home.cli("sonar", "stop")
    refused = home.cli(*ASK)
    assert refused.returncode == 9, refused.stderr
    assert "amalfa trust" in refused.stderr
    assert cloud.simulator.received == 0


def test_a_key_set_after_the_start_works_and_shows_nowhere(home: Home, cloud: InThread[OpenRouterSimulator]) -> None:
    """51, H6"""
    config = {"sonar": {"cloud": {"enabled": True, "host": f"{cloud.url}/api/v1"}}}
    home.write_config(config)
    home.cli("trust", "--yes")
    pid = home.start()
    first = json.loads(home.cli(*ASK, "--json").stdout)
    assert first["data"]["tier"] == "embedded"
    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
    wait_until(lambda: _tier_of_an_answer(home) == "cloud")
    sent = [received.headers.get("authorization", "") for received in cloud.simulator.requests]
    assert f"Bearer {KEY}" in sent
    cloud.simulator.script("*", then={"status": 401, "body": {"error": {"code": 401, "message": f"bad key {KEY}"}}})
    outputs = [
        home.cli(*ASK),
        home.cli(*ASK, "--json"),
        home.cli("sonar", "status", "--json"),
        home.cli("sonar", "logs"),
    ]
    seen = "".join(ran.stdout + ran.stderr for ran in outputs) + home.log_text
    seen += " ".join(psutil.Process(pid).cmdline())
    assert KEY not in seen
    assert home.cli("sonar", "stop").returncode == 0
    for file in home.state_folder.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file


def _tier_of_an_answer(home: Home) -> Any:
    asked = home.cli(*ASK, "--json")
    return json.loads(asked.stdout).get("data", {}).get("tier")


def test_a_setting_that_needs_a_restart_says_so(home: Home) -> None:
    """Row 47."""
    home.start()
    home.write_config({"sonar": {"http": {"port": 4000}}})
    home.cli("sonar", "reload")
    warnings = [warning["message"] for warning in home.json("sonar", "status")["config"]["warnings"]]
    assert "sonar.http.port is in force after `amalfa sonar restart`" in warnings
    home.write_config({"sonar": {"http": {"port": 4000}}, "docs": {"exclude": ["x"]}})
    home.cli("sonar", "restart")
    warnings = [warning["message"] for warning in home.json("sonar", "status")["config"]["warnings"]]
    assert not [message for message in warnings if "restart" in message]
