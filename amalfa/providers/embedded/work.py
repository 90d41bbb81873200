"""What the embedded engine can do, task by task. Pure but for today's date, which is handed in."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from amalfa.calls import Material, Prompt
from amalfa.errors import ModelRefused
from amalfa.providers.embedded.analyze import analyze
from amalfa.providers.embedded.answer import answer
from amalfa.providers.embedded.metadata import describe
from amalfa.providers.embedded.rerank import rank
from amalfa.providers.embedded.research import next_step
from amalfa.providers.embedded.snippet import find_snippet
from amalfa.providers.provider import Request

CHARACTERS_PER_TOKEN = 4
"""What a cap on tokens is taken to mean for text that no tokenizer cuts."""

_REMEDY = "start Ollama, or enable the cloud in amalfa.config.json"
_WRITES_PROSE: Final = frozenset({"synthesize", "research", "chat"})


def reply_to(request: Request, today: date) -> list[str]:
    """The reply in the pieces it is told in. Raises ModelRefused for work that takes a model."""
    prompt = request.prompt
    is_prose = prompt.schema is None and request.task in _WRITES_PROSE
    if prompt.tools is not None or (is_prose and not prompt.material.question):
        raise ModelRefused("The embedded engine quotes from notes; a reply to messages takes a model.", hint=_REMEDY)
    if is_prose:
        return list(answer(prompt.material, max_chars=prompt.max_tokens * CHARACTERS_PER_TOKEN))
    return [json.dumps(_value(request.task, prompt, today), ensure_ascii=False)]


def _value(task: str, prompt: Prompt, today: date) -> Mapping[str, object]:
    material = prompt.material
    match task:
        case "analyze":
            return analyze(material.question, today)
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
                f"The embedded engine cannot {task} into a schema; that needs a model.",
                hint=_REMEDY,
            )


def _with_text(material: Material) -> Material:
    if not any(_has_words(text) for _, text in material.documents[:1]):
        raise ModelRefused("The text is empty, so there is nothing to describe or quote.")
    return material


def _has_words(text: Iterable[str]) -> bool:
    return any(not character.isspace() for character in text)
