"""A project whose sonar answers with a simulated Ollama, and the official client talking with `amalfa mcp`."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.system.harness import Home, new_home
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

MODEL = "qwen2.5:1.5b"
CANARY = "canary8f3b"
SECRET = f"---\namalfa: private\naliases: [{CANARY}-alias]\n---\n# The {CANARY} safe\n\nThe safe opens with {CANARY}.\n"

Talk = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="module")
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(models=[MODEL])) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def home(ollama: InThread[OllamaSimulator]) -> Iterator[Home]:
    """One project for all tests of a module, as starting sonar takes most of their time."""
    with new_home() as one:
        # The same questions are asked by several tests, and each is about what the model does then.
        config: dict[str, Any] = {
            "host": f"127.0.0.1:{ollama.port}",
            "privacy": {"localOnly": ["vault/**"]},
            "cache": False,
        }
        one.write_config({"sonar": config})
        one.write_note("secret.md", SECRET)
        one.write_note("vault/codes.md", f"# Codes\n\nThe kettle code of the vault is {CANARY}.\n")
        one.write_note("a folder/über & co.md", "# Über uns\n\nThe firm was founded in Graz in 1987.\n")
        yield one


@pytest.fixture
def talk(home: Home) -> Talk:
    return lambda *flags, **how: talking_with(home, *flags, **how)


@asynccontextmanager
async def talking_with(home: Home, *flags: str, mode: str = "auto", **environ: str) -> AsyncIterator[Client]:
    """A session with a new `amalfa mcp` process in the project."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "amalfa", "mcp", *flags], env={**home.environ, **environ}, cwd=home.root
    )
    async with Client(server, mode=mode) as client:
        yield client


def text_of(result: Any) -> str:
    return "\n".join(block.text for block in result.content)
