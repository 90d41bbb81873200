"""Embedding with a row in the ledger for each batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from amalfa.calls import ModelName, PrivacyClass, Tier
from amalfa.errors import CallError, ConnectFailed
from amalfa.execution.embedder import EmbeddingModel
from tests.fakes import FakeClock, FakeLedger


@dataclass
class FakeEmbedding:
    tier: Tier = Tier.LOCAL
    is_verified_local: bool = True
    error: CallError | None = None
    asked: list[tuple[str, list[str], PrivacyClass]] = field(default_factory=list)

    async def embed(
        self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[tuple[float, ...], ...]:
        self.asked.append((model, list(texts), privacy))
        if self.error:
            raise self.error
        return tuple((float(len(text)), 0.0) for text in texts)


def a_model(provider: FakeEmbedding, ledger: FakeLedger) -> EmbeddingModel:
    name = ModelName("ollama", "nomic-embed-text")
    return EmbeddingModel(name, provider, PrivacyClass.LOCAL_ONLY, ledger, FakeClock(), 3)


async def test_each_text_gets_its_vector_and_each_batch_its_row() -> None:
    provider, ledger = FakeEmbedding(), FakeLedger()
    assert await a_model(provider, ledger).embed(["ab", "c"]) == [[2.0, 0.0], [1.0, 0.0]]
    assert provider.asked == [("nomic-embed-text", ["ab", "c"], PrivacyClass.LOCAL_ONLY)]
    (opening,) = ledger.opened
    assert (opening.task, opening.model, opening.generation) == ("embed", "ollama:nomic-embed-text", 3)
    assert ledger.closed[1].state == "ok"


async def test_a_failure_is_counted_as_one() -> None:
    ledger = FakeLedger()
    with pytest.raises(ConnectFailed):
        await a_model(FakeEmbedding(error=ConnectFailed("refused")), ledger).embed(["a"])
    assert (ledger.closed[1].state, ledger.closed[1].error_code) == ("failed", "connect_failed")
