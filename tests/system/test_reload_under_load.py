"""Edits while questions are answered: no call fails, and each sees exactly one configuration."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amalfa.client.connection import request
from tests.system.harness import Home, rounds, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

MODELS = ("one:latest", "two:latest")
QUESTION = {"question": "With what is the kettle descaled?"}


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def rename_over(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def backup_then_write(path: Path, text: str) -> None:
    """What vim does: the old file is moved aside, a new one made in its place, the old one removed."""
    aside = path.with_suffix(".json~")
    path.rename(aside)
    path.write_text(text)
    aside.unlink()


def delete_and_create(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def slowly(path: Path, text: str) -> None:
    """In two writes, so that half a file stands there for a moment."""
    with path.open("w") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        os.fsync(file.fileno())
        file.write(text[len(text) // 2 :])


def swap_link(path: Path, text: str) -> None:
    target = path.with_name(f"target-{abs(hash(text)) % 1000}.json")
    target.write_text(text)
    link = path.with_suffix(".link")
    link.symlink_to(target.name)
    link.replace(path)


STYLES = [in_place, rename_over, backup_then_write, delete_and_create, slowly, swap_link]


@pytest.fixture
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(models=list(MODELS), token_ms=1)) as simulator:
        yield simulator


class Load:
    """Clients that ask without pause, and what they got."""

    def __init__(self, home: Home, clients: int) -> None:
        self.socket = home.places.socket
        self.bodies: list[dict[str, object]] = []
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                body = request(self.socket, "POST", "/sonar/ask", QUESTION, timeout_s=20).body
                assert isinstance(body, dict)
                self.bodies.append(body)
            except Exception as error:  # a thread's own boundary: every failure is counted and asserted on
                self.failures.append(repr(error))

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def config_text(ollama: InThread[OllamaSimulator], turn: int) -> str:
    model = MODELS[turn % 2]
    return json.dumps(
        {"sonar": {"host": f"127.0.0.1:{ollama.port}", "model": model}, "docs": {"exclude": [f"x{turn}"]}}
    )


def test_reloads_under_load_fail_no_call_and_mix_no_configuration(
    home: Home, ollama: InThread[OllamaSimulator]
) -> None:
    config = home.root / "amalfa.config.json"
    config.write_text(config_text(ollama, 0))
    home.start()
    load = Load(home, clients=3)
    try:
        for turn in range(1, rounds(18) + 1):
            STYLES[turn % len(STYLES)](config, config_text(ollama, turn))
            answered = len(load.bodies)
            wait_until(lambda answered=answered: len(load.bodies) > answered + 3)  # type: ignore[misc]
    finally:
        load.end()
    assert load.failures == []
    by_generation: dict[object, set[object]] = {}
    for body in load.bodies:
        route = body["route"]
        assert isinstance(route, dict)
        by_generation.setdefault(route["generation"], set()).add(body["model"])
    assert all(len(models) == 1 for models in by_generation.values()), "each generation knows one model"
    assert len(by_generation) >= rounds(18) // 2
    status = home.json("sonar", "status")
    assert status["config"]["problems"] == []


@pytest.mark.parametrize("save", STYLES, ids=lambda save: save.__name__)
def test_every_way_of_saving_is_in_force_within_a_second(
    home: Home, ollama: InThread[OllamaSimulator], save: Callable[[Path, str], None]
) -> None:
    config = home.root / "amalfa.config.json"
    config.write_text(config_text(ollama, 0))
    home.start()
    for turn in (1, 2, 3):
        save(config, config_text(ollama, turn))
        # Status reads no file, so this sees what the watcher did by itself.
        wait_until(lambda turn=turn: _generation(home) == turn + 1, patience_s=1.5)  # type: ignore[misc]


def _generation(home: Home) -> int:
    body = request(home.places.socket, "GET", "/sonar/status", timeout_s=5).body
    assert isinstance(body, dict)
    return int(body["config"]["generation"])
