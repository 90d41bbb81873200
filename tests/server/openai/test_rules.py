"""The rules of the configuration and of a request's headers hold at this door too."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.server.openai.house import MODEL, House, house
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.threads import InThread, running_in_thread

KEY = "sk-or-v1-" + "ca11ab1e" * 8
CLOUD_MODEL = "openrouter:qwen/qwen-2.5-72b-instruct"
HELLO: list[Any] = [{"role": "user", "content": "Hello, my address is ada@example.com"}]


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[InThread[OpenRouterSimulator]]:
    with running_in_thread(OpenRouterSimulator(keys={KEY})) as server:
        yield server


@pytest.fixture
def cloud(running_cloud: InThread[OpenRouterSimulator]) -> Iterator[OpenRouterSimulator]:
    simulator = running_cloud.simulator
    simulator.clear_script()
    simulator.requests.clear()
    yield simulator
    simulator.clear_script()


@pytest.fixture(scope="module")
def both(running_cloud: Any, running_ollama: Any) -> Iterator[House]:
    """A local model that serves first, and a cloud that may be asked."""
    with house(settings(running_cloud.simulator, running_ollama.port), secrets=f"OPENROUTER_API_KEY={KEY}\n") as one:
        yield one


@pytest.fixture
def client(both: House, cloud: Any, ollama: Any) -> Iterator[OpenAI]:
    with both.client() as opened:
        yield opened


def settings(cloud: OpenRouterSimulator, port: int, **more: Any) -> dict[str, Any]:
    clouds = {"enabled": True, "mode": "tiered", "host": cloud.api_url}
    return {"sonar": {"host": f"127.0.0.1:{port}", "cloud": clouds, **more}}


def asked(client: OpenAI, model: str = "amalfa", **headers: str) -> Any:
    told = {f"x-amalfa-{name.replace('_', '-')}": value for name, value in headers.items()}
    return client.chat.completions.with_raw_response.create(model=model, messages=HELLO, extra_headers=told)


def chats(cloud: OpenRouterSimulator) -> list[Any]:
    return [one for one in cloud.requests if one.path.endswith(("/chat/completions", "/embeddings"))]


def test_an_answer_of_the_cloud_says_what_it_cost_and_that_text_left(client: OpenAI, cloud: Any) -> None:
    raw = asked(client, CLOUD_MODEL)
    assert (raw.headers["x-amalfa-tier"], raw.headers["x-amalfa-left-machine"]) == ("cloud", CLOUD_MODEL)
    assert float(raw.headers["x-amalfa-cost-usd"]) > 0
    assert b"ada@example.com" not in chats(cloud)[-1].body, "what leaves is redacted here as well"


@pytest.mark.parametrize("headers", [{"privacy": "local-only"}, {"prefer": "local"}])
def test_headers_keep_a_text_at_home(client: OpenAI, cloud: Any, headers: dict[str, str]) -> None:
    raw = asked(client, CLOUD_MODEL, **headers)
    assert raw.headers["x-amalfa-tier"] == "local"
    assert not chats(cloud)


def test_a_limit_on_money_is_kept(client: OpenAI, cloud: Any) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        asked(client, CLOUD_MODEL, prefer="cloud", max_cost_usd="0.000000001")
    assert (caught.value.code, caught.value.type) == ("insufficient_quota", "insufficient_quota")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert not chats(cloud)


def test_a_rate_limit_of_every_model_is_one_here(client: OpenAI, cloud: Any) -> None:
    cloud.script("*", then={"status": 429, "headers": {"Retry-After": "3600"}})
    with pytest.raises(openai.RateLimitError) as caught:
        asked(client, CLOUD_MODEL, prefer="cloud")
    assert caught.value.code == "rate_limit_exceeded"
    assert int(caught.value.response.headers["retry-after"]) > 0


EMBEDDER = "openrouter:openai/text-embedding-3-small"


def test_texts_embedded_in_the_cloud_are_counted_paid_and_redacted(client: OpenAI, cloud: Any) -> None:
    raw = client.embeddings.with_raw_response.create(model=EMBEDDER, input="kettle, ada@example.com")
    reply = raw.parse()
    assert reply.usage.prompt_tokens == reply.usage.total_tokens > 0
    assert (raw.headers["x-amalfa-tier"], raw.headers["x-amalfa-left-machine"]) == ("cloud", EMBEDDER)
    assert float(raw.headers["x-amalfa-cost-usd"]) > 0
    assert b"ada@example.com" not in chats(cloud)[-1].body


@pytest.mark.parametrize("headers", [{"privacy": "local-only"}, {"prefer": "local"}])
def test_texts_that_must_stay_are_not_embedded_in_the_cloud(client: OpenAI, cloud: Any, headers: Any) -> None:
    told = {f"x-amalfa-{name}": value for name, value in headers.items()}
    with pytest.raises(openai.PermissionDeniedError):
        client.embeddings.create(model=EMBEDDER, input="kettle", extra_headers=told)
    assert not chats(cloud)


def test_embedding_stays_within_the_limit_of_its_call(client: OpenAI, cloud: Any) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.embeddings.create(model=EMBEDDER, input="kettle", extra_headers={"x-amalfa-max-cost-usd": "0"})
    assert caught.value.code == "insufficient_quota"
    assert not chats(cloud)


def test_a_switched_off_cloud_gets_nothing(running_cloud: Any, cloud: Any, running_ollama: Any) -> None:
    config = settings(running_cloud.simulator, running_ollama.port, routing={"fallback": False})
    config["sonar"]["cloud"]["enabled"] = False
    with house(config, secrets=f"OPENROUTER_API_KEY={KEY}\n") as sonar, sonar.client() as client:
        with pytest.raises(openai.PermissionDeniedError):
            asked(client, CLOUD_MODEL)
        with pytest.raises(openai.PermissionDeniedError) as caught:
            client.embeddings.create(model="openrouter:openai/text-embedding-3-small", input="x")
    assert "cloud" in caught.value.message
    assert not cloud.requests


def test_a_model_that_is_not_installed_is_not_found_when_nothing_may_stand_in(running_ollama: Any) -> None:
    config = {"sonar": {"host": f"127.0.0.1:{running_ollama.port}", "routing": {"fallback": False}}}
    with house(config) as sonar, sonar.client() as client:
        assert asked(client, MODEL).parse().choices
        with pytest.raises(openai.NotFoundError) as caught:
            asked(client, "llama3:8b")
    assert caught.value.code == "model_not_found"
    assert "ollama pull llama3:8b" in caught.value.message
