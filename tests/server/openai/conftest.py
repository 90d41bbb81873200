"""One sonar with one simulated Ollama for the tests of a file, its script empty at the start of each."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from tests.server.openai.house import EMBEDDER, MODEL, House, house
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread


@pytest.fixture(scope="module")
def running_ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(models=[MODEL, EMBEDDER])) as server:
        yield server


@pytest.fixture(scope="module")
def sonar(running_ollama: InThread[OllamaSimulator]) -> Iterator[House]:
    config = {
        "docs": {"embeddings": "ollama:nomic-embed-text"},
        "sonar": {"host": f"127.0.0.1:{running_ollama.port}", "tasks": {"chat": {"timeout": 20}}},
    }
    with house(config) as opened:
        yield opened


@pytest.fixture
def ollama(running_ollama: InThread[OllamaSimulator]) -> Iterator[OllamaSimulator]:
    simulator = running_ollama.simulator
    simulator.clear_script()
    simulator.requests.clear()
    yield simulator
    simulator.clear_script()


@pytest.fixture
def client(sonar: House, ollama: OllamaSimulator) -> Iterator[OpenAI]:
    with sonar.client() as opened:
        yield opened
