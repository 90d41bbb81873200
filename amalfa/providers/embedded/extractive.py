"""The provider that needs no model: it answers from the material itself, and says that it only extracts."""

import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Final

import anyio.to_thread

from amalfa.calls import EXTRACTIVE, Material, Prompt, Tier, Usage
from amalfa.clock import Clock
from amalfa.errors import ModelRefused
from amalfa.providers.embedded.analyze import analyze
from amalfa.providers.embedded.answer import answer
from amalfa.providers.embedded.metadata import describe
from amalfa.providers.embedded.rerank import rank
from amalfa.providers.embedded.research import next_step
from amalfa.providers.embedded.snippet import find_snippet
from amalfa.providers.provider import Event, Finished, Host, Presence, Request, TextDelta

CHARACTERS_PER_TOKEN = 4
"""What a cap on tokens is taken to mean for text that no tokenizer cuts."""

_WRITES_PROSE: Final = frozenset({"synthesize", "research", "chat"})


class ExtractiveProvider:
    """`embedded:extractive`. It keeps no state, opens nothing, costs nothing, and gives the same reply every time.

    `clock` is read for one thing: which day "last week" in a query counts from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def name(self) -> str:
        return EXTRACTIVE.provider

    @property
    def type(self) -> str:
        return "embedded"

    @property
    def tier(self) -> Tier:
        return Tier.EMBEDDED

    @property
    def is_verified_local(self) -> bool:
        return True

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """The reply piece by piece. Raises ModelRefused for work that takes a model, such as filling a free schema."""
        for text in await anyio.to_thread.run_sync(self._reply, request):
            yield TextDelta(text)
        yield Finished(usage=Usage(cost_usd=0.0), model=EXTRACTIVE.model)

    async def look(self) -> Presence:
        return Presence("up", hosts=(Host(url="", state="up", installed=frozenset({EXTRACTIVE.model})),))

    async def aclose(self) -> None:
        """Nothing is open."""

    def _reply(self, request: Request) -> list[str]:
        prompt = request.prompt
        if prompt.schema is None and request.task in _WRITES_PROSE:
            return list(answer(prompt.material, max_chars=prompt.max_tokens * CHARACTERS_PER_TOKEN))
        return [json.dumps(self._value(request.task, prompt), ensure_ascii=False)]

    def _value(self, task: str, prompt: Prompt) -> Mapping[str, object]:
        material = prompt.material
        match task:
            case "analyze":
                return analyze(material.question, self._clock.now().astimezone().date())
            case "metadata":
                return describe(_with_text(material))
            case "snippet":
                return find_snippet(_with_text(material))
            case "rerank":
                return rank(material)
            case "research":
                return next_step(material)
            case _:
                raise ModelRefused(
                    f"The embedded engine has no model, so it cannot do {task} into a schema.",
                    hint="start Ollama, or enable the cloud in amalfa.config.json",
                )


def _with_text(material: Material) -> Material:
    if not any(_has_words(text) for _, text in material.documents[:1]):
        raise ModelRefused("The text is empty, so there is nothing to describe or quote.")
    return material


def _has_words(text: Iterable[str]) -> bool:
    return any(not character.isspace() for character in text)
