"""A sonar with a local and a paid model, both played by simulators."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.system.callers import Said, on_socket
from tests.system.harness import Home, new_home
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.threads import InThread, running_in_thread

KEY = "sk-or-v1-" + "ca11ab1e" * 8


@dataclass(frozen=True)
class House:
    home: Home
    openrouter: InThread[OpenRouterSimulator]

    def call(self, method: str, path: str, body: object = None) -> Said:
        state = self.home.state
        assert state is not None
        return on_socket(self.home.places.socket).call(method, path, body)

    def ask(self, **wish: object) -> Said:
        return self.call("POST", "/sonar/ask", {"question": "With what is the kettle descaled?", **wish})

    def notices(self) -> list[str]:
        shown: list[str] = self.call("GET", "/sonar/status").json["notices"]
        return shown

    def paid_calls(self) -> int:
        return sum("completions" in request.path for request in self.openrouter.simulator.requests)


@pytest.fixture
def home() -> Iterator[Home]:
    with new_home() as one:
        yield one


@pytest.fixture
def house(home: Home) -> Iterator[House]:
    ollama: Any
    openrouter: Any
    with (
        running_in_thread(OllamaSimulator(models=["qwen2.5:1.5b"])) as ollama,
        running_in_thread(OpenRouterSimulator(keys={KEY})) as openrouter,
    ):
        (home.root / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
        host = f"http://127.0.0.1:{openrouter.port}/api/v1"
        home.write_config(
            {
                "sonar": {
                    "host": f"127.0.0.1:{ollama.port}",
                    "cloud": {"enabled": True, "host": host},
                    "cache": {"enabled": False},
                }
            }
        )
        yield House(home, openrouter)
