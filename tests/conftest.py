"""For every test: a home of its own, an environment without keys or proxies, and no network but loopback."""

import os
import socket

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, and no clock on any of them: a busy machine must not fail a true property.
settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

SCRUBBED_PREFIXES = ("AMALFA_", "OPENROUTER_", "OPENAI_", "ANTHROPIC_", "OLLAMA_", "LOCAL_MODEL_", "LLM_", "XDG_")
SCRUBBED_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NO_COLOR", "FORCE_COLOR", "LISTEN_FDS")


@pytest.fixture
def anyio_backend() -> str:
    """Sonar runs on asyncio only."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(SCRUBBED_PREFIXES) or name.upper() in SCRUBBED_NAMES:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AMALFA_HOME", str(home / "amalfa"))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that dials out fails at once instead of depending on the network."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]  # whatever the caller passed

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _is_loopback(address: object) -> bool:
    host = address[0] if isinstance(address, tuple) else ""
    return str(host).startswith("127.") or host in ("localhost", "::1", "192.0.2.1")
