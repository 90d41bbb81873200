"""The reply cache as people meet it: a question asked twice is paid once, and no rule is got around by it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.callers import on_socket
from tests.system.harness import Home, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_models import OllamaModel
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.threads import InThread, running_in_thread

QUESTION = "With what is the kettle descaled?"
BIG = "openrouter:qwen/qwen-2.5-72b-instruct"
QWEN = "ollama:qwen2.5:1.5b"
KEY = "sk-or-v1-" + "ca11ab1e" * 8


@pytest.fixture
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(models=["qwen2.5:1.5b"])) as simulator:
        yield simulator


@pytest.fixture
def openrouter() -> Iterator[InThread[OpenRouterSimulator]]:
    with running_in_thread(OpenRouterSimulator(keys={KEY})) as simulator:
        yield simulator


def configure(home: Home, ollama: Any, openrouter: Any, *, is_cloud_enabled: bool = True, **sonar: object) -> None:
    cloud = {"enabled": is_cloud_enabled, "host": f"http://127.0.0.1:{openrouter.port}/api/v1"}
    home.write_config({"sonar": {"host": f"127.0.0.1:{ollama.port}", "cloud": cloud, **sonar}})


def asked(simulator: InThread[Any]) -> int:
    return sum("chat" in request.path for request in simulator.simulator.requests)


def ask(home: Home, *flags: str) -> tuple[str, str, float]:
    """Which model the answer is of, what the cache had to do with it, and what it cost."""
    said = home.json("ask", QUESTION, *flags)
    return said["model"], said["route"]["cache"], said["usage"]["cost_usd"]


def reload(home: Home) -> None:
    ran = home.cli("sonar", "reload")
    assert ran.returncode == 0, ran.stderr


def test_a_question_asked_twice_is_paid_once(home: Home, ollama: Any, openrouter: Any) -> None:
    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
    configure(home, ollama, openrouter)
    model, cache, cost_usd = ask(home)
    assert (model, cache) == (BIG, "miss")
    assert cost_usd > 0
    paid = asked(openrouter)

    assert ask(home) == (BIG, "hit", 0.0)
    told = home.cli("ask", QUESTION, "--explain")
    assert "kept reply from 20" in told.stdout + told.stderr
    streamed = on_socket(home.places.socket).call("POST", "/sonar/ask", {"question": QUESTION, "stream": True})
    assert streamed.status == 200
    assert asked(openrouter) == paid, "nobody was asked for any of them"

    assert ask(home, "--no-cache")[1] == "off"
    assert asked(openrouter) == paid + 1

    wait_until(lambda: home.json("usage")["cache_hits"] == 3)
    usage = home.json("usage")
    assert usage["total"]["attempts"] == paid + 1
    assert usage["local_ratio"] == 0

    assert home.cli("sonar", "restart").returncode == 0
    assert ask(home) == (BIG, "hit", 0.0), "it is known after a restart as well"
    kept = b"".join(path.read_bytes() for path in home.places.folder.glob("cache.db*"))
    assert kept
    for secret in (KEY, QUESTION):
        assert secret.encode() not in kept

    configure(home, ollama, openrouter, is_cloud_enabled=False)
    reload(home)
    assert ask(home)[:2] == (QWEN, "miss"), "what a cloud said is not given once the cloud is switched off"
    assert ask(home) == (QWEN, "hit", 0.0)

    here = asked(ollama)
    ollama.simulator.install(OllamaModel("qwen2.5:1.5b", system="pulled again"))
    wait_until(lambda: ask(home)[1] == "miss")
    assert asked(ollama) == here + 1

    home.places.cache.unlink()
    assert ask(home)[:2] == (QWEN, "miss"), "a cache that was deleted is forgotten"
    assert ask(home)[1] == "hit"

    configure(home, ollama, openrouter, is_cloud_enabled=False, cache=False)
    reload(home)
    assert ask(home)[1] == "off"
    assert asked(openrouter) == paid + 1


def test_other_programs_switch_it_off_by_a_header(home: Home, ollama: Any, openrouter: Any) -> None:
    configure(home, ollama, openrouter, is_cloud_enabled=False)
    home.start()
    body = {"model": QWEN, "messages": [{"role": "user", "content": "Hello"}]}
    caller = on_socket(home.places.socket)

    def say(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        said = caller.call("POST", "/v1/chat/completions", body, named)
        assert said.status == 200, said.body
        return asked(ollama)

    assert [say(), say()] == [1, 1]
    assert say(cache_control="no-cache") == 2
    assert say(x_amalfa_no_cache="true") == 3
    assert say() == 3
