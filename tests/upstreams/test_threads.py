"""The simulators beside synchronous tests: down and up on one port, models that arrive later, holes in the network."""

import httpx
import pytest

from tests.upstreams.blackhole import blackhole, refusing_port
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.simulator import Simulator
from tests.upstreams.threads import running_in_thread

CHAT = {"model": "late:1b", "messages": [{"role": "user", "content": "hi"}], "stream": False}


def test_a_server_started_later_answers_on_the_port_known_before() -> None:
    with running_in_thread(OllamaSimulator()) as server:
        url = server.url
        server.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/api/version", trust_env=False)
        server.start()
        assert server.url == url
        assert httpx.get(f"{url}/api/version", trust_env=False).json() == {"version": "0.33.0"}


def test_a_model_installed_later_answers() -> None:
    with running_in_thread(OllamaSimulator([])) as server:
        assert httpx.post(f"{server.url}/api/chat", json=CHAT, trust_env=False).status_code == 404
        server.simulator.install("late:1b")
        server.simulator.script("late:1b", "here")
        reply = httpx.post(f"{server.url}/api/chat", json=CHAT, trust_env=False).json()
    assert reply["message"]["content"] == "here"
    assert [request.status for request in server.simulator.requests] == [404, 200]


def test_two_simulators_run_side_by_side() -> None:
    with running_in_thread(OllamaSimulator()) as ollama, running_in_thread(OpenRouterSimulator()) as openrouter:
        assert ollama.port != openrouter.port
        assert httpx.get(f"{openrouter.simulator.api_url}/models", trust_env=False).status_code == 200


def test_a_restart_drops_open_connections() -> None:
    with running_in_thread(OllamaSimulator()) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        client.get("/api/version")
        server.stop()
        with pytest.raises(httpx.TransportError):
            client.get("/api/version")
        server.start()
        assert client.get("/api/version").status_code == 200


def test_a_bug_of_a_simulator_is_a_599_and_raised_at_the_end() -> None:
    server = running_in_thread(Simulator())
    with pytest.raises(AssertionError, match="does not answer"), server as running:
        assert httpx.get(f"{running.url}/x", trust_env=False).status_code == 599


def test_the_black_hole_lets_nobody_connect() -> None:
    with blackhole() as port, pytest.raises(httpx.ConnectTimeout):
        httpx.get(f"http://127.0.0.1:{port}/", timeout=0.1, trust_env=False)


def test_the_refusing_port_refuses() -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{refusing_port()}/", trust_env=False)
