"""A real sonar on its socket and on a loopback port, with a simulated Ollama behind it, and the official client."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from ollama import AsyncClient, Client

from tests.system.harness import Home, new_home
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

MODEL = "qwen2.5:1.5b"
QUESTION = "With what is the kettle descaled?"
HOST_ON_SOCKET = "http://sonar"
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Served:
    """A sonar that runs. `headers` open its port, `upstream` is the Ollama behind it."""

    home: Home
    port: int
    headers: dict[str, str]
    upstream: OllamaSimulator

    @property
    def socket_path(self) -> str:
        return str(self.home.places.socket)

    def raw(self) -> httpx.Client:
        """A client that sends what a test writes, over the socket."""
        way = httpx.HTTPTransport(uds=self.socket_path)
        return httpx.Client(base_url=HOST_ON_SOCKET, transport=way, timeout=PATIENCE_S)

    def async_client(self) -> AsyncClient:
        way = httpx.AsyncHTTPTransport(uds=self.socket_path)
        return AsyncClient(HOST_ON_SOCKET, transport=way, timeout=PATIENCE_S)


@pytest.fixture(scope="package")
def upstream() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(
        OllamaSimulator(models=[MODEL, "llama3", "nomic-embed-text", "phi3", "gemma2"])
    ) as simulator:
        yield simulator


@pytest.fixture(scope="package")
def running(upstream: InThread[OllamaSimulator]) -> Iterator[Served]:
    with new_home() as home:
        port = _free_port()
        sonar = {
            "host": f"127.0.0.1:{upstream.port}",
            "cache": False,
            "http": {"enabled": True, "port": port},
            "pipelines": {"plain": {"architecture": [{"name": "one", "layer": 0, "model": f"ollama:{MODEL}"}]}},
        }
        home.write_config({"sonar": sonar})
        home.write_note("private.md", "---\namalfa: private\n---\n\nThe safe opens with the number 4711.\n")
        home.start()
        token = home.cli("sonar", "token").stdout.strip()
        yield Served(home, port, {"authorization": f"Bearer {token}"}, upstream.simulator)


@pytest.fixture
def served(running: Served) -> Iterator[Served]:
    """The same sonar for every test, with nothing scripted."""
    running.upstream.clear_script()
    yield running
    running.upstream.clear_script()


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """The official client over the socket."""
    way = httpx.HTTPTransport(uds=served.socket_path)
    with Client(HOST_ON_SOCKET, transport=way, timeout=PATIENCE_S) as one:
        yield one


@pytest.fixture
def port_client(served: Served) -> Iterator[Client]:
    """The official client over loopback TCP."""
    with Client(f"http://127.0.0.1:{served.port}", headers=served.headers, timeout=PATIENCE_S) as one:
        yield one


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
