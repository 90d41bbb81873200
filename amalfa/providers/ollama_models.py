"""What Ollama does with models besides chatting: download them, describe them, turn texts into vectors."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass

from amalfa.calls import PrivacyClass
from amalfa.clock import Clock
from amalfa.errors import ModelMissing, Truncated, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.ndjson import NdjsonParser
from amalfa.providers.ollama_api import OllamaApi, outgoing_to
from amalfa.providers.ollama_errors import failure_in_stream
from amalfa.providers.patience import Patience, ReplyClock
from amalfa.providers.untrusted_json import JsonObject, count_at, object_at, text_at
from amalfa.providers.upstream_text import shown

# A download is silent for minutes while its checksum is computed, and sends a line every 60 ms for hours before.
PULL_PATIENCE = Patience(first_byte_s=60.0, first_event_s=300.0, idle_s=600.0)
PULL_MAX_BYTES = 256 << 20
# A vector is about 15 kB of JSON, and a reply may have 8 MiB.
TEXTS_PER_REQUEST = 64


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a download is. Counts are bytes of the layer at hand; None for steps that have none."""

    status: str
    completed: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a host says of an installed model. Texts are "" and counts None where it does not say.

    `context_tokens` is the window the model was trained with, not the one it runs with.
    """

    model: str
    family: str
    parameter_size: str
    quantization: str
    context_tokens: int | None
    capabilities: tuple[str, ...]
    is_forwarded: bool


class OllamaModels:
    """The model routes of one provider; which host is asked is decided by the caller."""

    def __init__(self, endpoint: Endpoint, api: OllamaApi, *, clock: Clock) -> None:
        self._endpoint = endpoint
        self._api = api
        self._clock = clock

    async def pull(self, asked: Asked, *, deadline_s: float) -> AsyncGenerator[PullProgress, None]:
        """Download a model; ends after success. Raises ModelMissing when the registry does not have it."""
        payload = {"model": asked.model, "stream": True}
        outgoing = outgoing_to(asked, "/api/pull", payload, PrivacyClass.CLOUD_OK, max_reply_bytes=PULL_MAX_BYTES)
        clock = ReplyClock(PULL_PATIENCE, now_s=self._clock.monotonic_s(), deadline_s=deadline_s)
        parser = NdjsonParser()
        async with self._api.open(asked, outgoing, clock) as reply:
            while (records := await reply.pieces(parser)) is not None:
                for record in records:
                    yield _progress(record, asked)
                    if text_at(record, "status") == "success":
                        return
        raise Truncated(f"The download of {asked.model} ended before it was whole.", hint="pull it again; it resumes")

    async def show(self, asked: Asked, *, deadline_s: float) -> ModelFacts:
        """What is known of an installed model. Raises ModelMissing."""
        said = await self._api.post(asked, "/api/show", {"model": asked.model}, deadline_s=deadline_s)
        details, info = object_at(said, "details"), object_at(said, "model_info")
        capabilities = said.get("capabilities")
        return ModelFacts(
            model=asked.model,
            family=text_at(details, "family"),
            parameter_size=text_at(details, "parameter_size"),
            quantization=text_at(details, "quantization_level"),
            context_tokens=count_at(info, f"{text_at(info, 'general.architecture')}.context_length"),
            capabilities=tuple(map(str, capabilities)) if isinstance(capabilities, list) else (),
            is_forwarded=bool(text_at(said, "remote_host") or text_at(said, "remote_model")),
        )

    async def embed(
        self, asked: Asked, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[tuple[float, ...], ...]:
        """One vector for each text, in order. Raises ContextTooLong when a text does not fit."""
        vectors: list[tuple[float, ...]] = []
        for start in range(0, len(texts), TEXTS_PER_REQUEST):
            batch = list(texts[start : start + TEXTS_PER_REQUEST])
            payload: JsonObject = {
                "model": asked.model,
                "input": batch,
                "truncate": False,
                "keep_alive": self._endpoint.keep_alive,
                "options": self._endpoint.launch_options(asked.model),
            }
            outgoing = outgoing_to(asked, "/api/embed", payload, privacy)
            found = list(_vectors(await self._api.send(asked, outgoing, deadline_s)))
            if len(found) != len(batch):
                raise UpstreamBroken(f"{asked.where} sent {len(found)} vectors for {len(batch)} texts.")
            vectors += found
        return tuple(vectors)


def _progress(record: JsonObject, asked: Asked) -> PullProgress:
    if error := text_at(record, "error"):
        if "file does not exist" in error:
            raise ModelMissing(f"The registry has no model {asked.model}.", hint="check its name on ollama.com/library")
        raise failure_in_stream(error, asked)
    total = count_at(record, "total")
    # `completed` is left out of the line while it is 0.
    completed = count_at(record, "completed") or 0 if total is not None else None
    return PullProgress(shown(text_at(record, "status")), completed, total)


def _vectors(said: JsonObject) -> Iterator[tuple[float, ...]]:
    listed = said.get("embeddings")
    for vector in listed if isinstance(listed, list) else []:
        if not isinstance(vector, list) or not all(isinstance(number, int | float) for number in vector):
            raise UpstreamBroken("A vector of the reply is not a list of numbers.")
        yield tuple(map(float, vector))
