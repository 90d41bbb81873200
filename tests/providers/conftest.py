"""What the provider tests share: simulators on real sockets, a task group that outlives the providers."""

from collections.abc import AsyncIterator

import anyio
import pytest
from anyio.abc import TaskGroup

from amalfa.clock import SystemClock
from amalfa.providers.anthropic import AnthropicProvider
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.openrouter import OpenRouterProvider
from tests.providers.asking import QUICK, anthropic_at, ollama_at, openrouter_at
from tests.upstreams.anthropic import AnthropicSimulator
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator


@pytest.fixture
async def tasks() -> AsyncIterator[TaskGroup]:
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.cancel()


@pytest.fixture
async def ollama_sim() -> AsyncIterator[OllamaSimulator]:
    async with OllamaSimulator() as sim:
        yield sim


@pytest.fixture
async def openrouter_sim() -> AsyncIterator[OpenRouterSimulator]:
    async with OpenRouterSimulator() as sim:
        yield sim


@pytest.fixture
async def anthropic_sim() -> AsyncIterator[AnthropicSimulator]:
    async with AnthropicSimulator() as sim:
        yield sim


@pytest.fixture
async def anthropic(anthropic_sim: AnthropicSimulator) -> AsyncIterator[AnthropicProvider]:
    provider = AnthropicProvider(anthropic_at(anthropic_sim.url), clock=SystemClock(), patience=QUICK)
    yield provider
    await provider.aclose()


@pytest.fixture
async def ollama(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> AsyncIterator[OllamaProvider]:
    provider = OllamaProvider(ollama_at(ollama_sim.url), tasks=tasks, clock=SystemClock(), patience=QUICK)
    yield provider
    await provider.aclose()


@pytest.fixture
async def openrouter(openrouter_sim: OpenRouterSimulator) -> AsyncIterator[OpenRouterProvider]:
    provider = OpenRouterProvider(openrouter_at(openrouter_sim.api_url), clock=SystemClock(), patience=QUICK)
    yield provider
    await provider.aclose()
