"""Reads what Amalfa itself brings along about well-known models, in `shipped_catalogue.json` beside this file.

Qualities there are Amalfa's own rough scale, for putting models in order and for nothing finer. Prices are the list
prices of their makers; a model whose price differs from seller to seller has none there.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from amalfa.calls import Price
from amalfa.providers.model_facts import Facts
from amalfa.providers.ollama_names import full_name

SHIPPED = Path(__file__).with_name("shipped_catalogue.json")
LOCAL = "local"


class _Row(TypedDict, total=False):
    quality: float
    price: tuple[float, float]
    context: int
    json: bool


@dataclass(frozen=True, slots=True)
class Shipped:
    """Facts by kind of provider and model. The kind `local` stands for every server of one's own."""

    _by_kind: Mapping[str, Mapping[str, Facts]]
    _by_full_name: Mapping[str, Facts]

    def facts(self, kind: str, model: str) -> Facts:
        """What is known of a model; nothing for one that is not there."""
        if kind == LOCAL:
            return self._by_full_name.get(full_name(model), Facts())
        return self._by_kind.get(kind, {}).get(model, Facts())

    def models(self, kind: str) -> Iterable[str]:
        return self._by_kind.get(kind, {})


def read_shipped() -> Shipped:
    """The file as it was shipped."""
    content: Mapping[str, Mapping[str, _Row]] = json.loads(SHIPPED.read_text(encoding="utf-8"))["models"]
    by_kind = {kind: {name: _facts(row) for name, row in rows.items()} for kind, rows in content.items()}
    # `llama3` and `llama3:latest` are one model to Ollama.
    by_full_name = {full_name(name): facts for name, facts in by_kind[LOCAL].items()}
    return Shipped(by_kind, by_full_name)


def _facts(row: _Row) -> Facts:
    price = row.get("price")
    return Facts(Price(*price) if price else None, row.get("quality"), row.get("context"), row.get("json"))
