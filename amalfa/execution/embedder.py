"""Turns texts into vectors at the one model the configuration names, with a ledger row for each batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import anyio

from amalfa.calls import ModelName, PrivacyClass, Tier, Usage
from amalfa.clock import Clock
from amalfa.errors import CallError
from amalfa.execution.asking import CLOSE_LEDGER_S
from amalfa.execution.ledger import Closing, Ledger, Opening

BATCH_TIMEOUT_S = 120.0
TASK = "embed"

Vectors = tuple[tuple[float, ...], ...]


@runtime_checkable
class EmbeddingProvider(Protocol):
    """A provider that can embed (`amalfa.providers.ollama`)."""

    @property
    def tier(self) -> Tier: ...

    @property
    def is_verified_local(self) -> bool: ...

    async def embed(self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float) -> Vectors: ...


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """`docs.embeddings` of one Generation. `privacy` is the class of whatever is embedded with it."""

    model: ModelName
    provider: EmbeddingProvider
    privacy: PrivacyClass
    ledger: Ledger
    clock: Clock
    generation: int

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text, in order. Raises CallError."""
        started_s = self.clock.monotonic_s()
        row = await self.ledger.open(self._opening())
        closing = Closing("cancelled", Usage())
        try:
            deadline_s = started_s + BATCH_TIMEOUT_S
            vectors = await self.provider.embed(self.model.model, texts, privacy=self.privacy, deadline_s=deadline_s)
            closing = Closing("ok", self._usage(started_s))
        except CallError as error:
            closing = Closing("failed", self._usage(started_s), error.code)
            raise
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LEDGER_S):
                await self.ledger.close(row, closing)
        return [list(vector) for vector in vectors]

    def _usage(self, started_s: float) -> Usage:
        cost_usd = 0.0 if self.provider.tier is Tier.LOCAL else None
        return Usage(cost_usd=cost_usd, ms=round((self.clock.monotonic_s() - started_s) * 1000))

    def _opening(self) -> Opening:
        return Opening(
            request_id="index",
            task=TASK,
            model=str(self.model),
            provider=self.model.provider,
            tier=self.provider.tier,
            privacy=self.privacy,
            generation=self.generation,
            started_at=self.clock.now(),
        )
