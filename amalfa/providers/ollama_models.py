"""What Ollama does with models besides chatting: download them, describe them, turn texts into vectors."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from amalfa.calls import PrivacyClass, Usage
from amalfa.clock import Clock
from amalfa.errors import ModelMissing, ModelRefused, Truncated, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.downloading import PullProgress
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.ndjson import NdjsonParser
from amalfa.providers.ollama_api import OllamaApi, outgoing_to
from amalfa.providers.ollama_errors import failure_in_stream
from amalfa.providers.ollama_names import full_name, is_cloud_name
from amalfa.providers.patience import Patience, ReplyClock
from amalfa.providers.untrusted_json import JsonObject, count_at, object_at, objects_at, text_at
from amalfa.providers.upstream_text import shown

# A download is silent for minutes while its checksum is computed, and sends a line every 60 ms for hours before.
PULL_PATIENCE = Patience(first_byte_s=60.0, first_event_s=300.0, idle_s=600.0)
PULL_MAX_BYTES = 256 << 20
# A vector is about 15 kB of JSON, and a reply may have 8 MiB.
TEXTS_PER_REQUEST = 64

Vectors = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a host says of an installed model. Texts are "" and counts None where it does not say.

    `context_tokens` is the window the model was trained with, not the one it runs with. `digest` is equal for
    copies under other names.
    """

    model: str
    family: str
    parameter_size: str
    quantization: str
    context_tokens: int | None
    capabilities: tuple[str, ...]
    is_forwarded: bool
    size_bytes: int | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class InMemory:
    """A model in memory. `vram_bytes` is the part on a GPU; `expires_at` None = the host does not say."""

    model: str
    window_tokens: int | None
    size_bytes: int | None
    vram_bytes: int | None
    expires_at: datetime | None


class OllamaModels:
    """The model routes of one provider; which host is asked is decided by the caller."""

    def __init__(self, endpoint: Endpoint, api: OllamaApi, *, clock: Clock) -> None:
        self._endpoint = endpoint
        self._api = api
        self._clock = clock

    async def installed(self, address: Address, *, deadline_s: float) -> tuple[ModelFacts, ...]:
        """Every model of the host, the newest first. Raises CallError."""
        listed = objects_at(await self._api.get(address, "/api/tags", deadline_s), "models")
        return tuple(_listed(model) for model in listed)

    async def in_memory(self, address: Address, *, deadline_s: float) -> tuple[InMemory, ...]:
        """Every model the host has in memory. Raises CallError."""
        listed = objects_at(await self._api.get(address, "/api/ps", deadline_s), "models")
        return tuple(_in_memory(model) for model in listed)

    async def pull(
        self, asked: Asked, *, deadline_s: float, free_disk: Callable[[], int | None]
    ) -> AsyncGenerator[PullProgress, None]:
        """Download a model; ends after success. `free_disk` gives the bytes free at the host, None = not known.

        Raises ModelMissing when the registry does not have it, ModelRefused as soon as it is certain not to fit.
        """
        payload = {"model": asked.model, "stream": True}
        outgoing = outgoing_to(asked, "/api/pull", payload, PrivacyClass.CLOUD_OK, max_reply_bytes=PULL_MAX_BYTES)
        clock = ReplyClock(PULL_PATIENCE, now_s=self._clock.monotonic_s(), deadline_s=deadline_s)
        parser, parts = NdjsonParser(), _Parts()
        async with self._api.open(asked, outgoing, clock) as reply:
            while (records := await reply.pieces(parser)) is not None:
                for record in records:
                    progress = _progress(record, parts, asked)
                    if parts.has_grown:
                        _check_disk(parts.missing_bytes, free_disk(), asked)
                    yield progress
                    if progress.status == "success":
                        return
        raise Truncated(f"The download of {asked.model} ended before it was whole.", hint="pull it again; it resumes")

    async def show(self, asked: Asked, *, deadline_s: float) -> ModelFacts:
        """What is known of an installed model. Raises ModelMissing."""
        said = await self._api.post(asked, "/api/show", {"model": asked.model}, deadline_s=deadline_s)
        info = object_at(said, "model_info")
        trained = count_at(info, f"{text_at(info, 'general.architecture')}.context_length")
        return _facts(said, asked.model, trained)

    async def embed(
        self, asked: Asked, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[Vectors, Usage]:
        """One vector for each text, in order, and what was counted. Raises ContextTooLong when a text does not fit."""
        started_s = self._clock.monotonic_s()
        vectors: list[tuple[float, ...]] = []
        tokens_in: int | None = 0
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
            said = await self._api.send(asked, outgoing, deadline_s)
            found = list(_vectors(said))
            if len(found) != len(batch):
                raise UpstreamBroken(f"{asked.where} sent {len(found)} vectors for {len(batch)} texts.")
            vectors += found
            counted = count_at(said, "prompt_eval_count")
            tokens_in = None if tokens_in is None or counted is None else tokens_in + counted
        cost_usd = None if asked.is_forwarded else 0.0
        ms = round((self._clock.monotonic_s() - started_s) * 1000)
        return tuple(vectors), Usage(tokens_in, None, cost_usd, ms)


def _listed(model: JsonObject) -> ModelFacts:
    name = full_name(text_at(model, "name") or text_at(model, "model"))
    return _facts(model, name, count_at(object_at(model, "details"), "context_length"))


def _facts(said: JsonObject, model: str, context_tokens: int | None) -> ModelFacts:
    details, capabilities = object_at(said, "details"), said.get("capabilities")
    return ModelFacts(
        model=shown(model),
        family=shown(text_at(details, "family")),
        parameter_size=shown(text_at(details, "parameter_size")),
        quantization=shown(text_at(details, "quantization_level")),
        context_tokens=context_tokens,
        capabilities=tuple(shown(str(one)) for one in capabilities) if isinstance(capabilities, list) else (),
        is_forwarded=bool(text_at(said, "remote_host") or text_at(said, "remote_model")) or is_cloud_name(model),
        size_bytes=count_at(said, "size"),
        digest=shown(text_at(said, "digest")),
    )


def _in_memory(model: JsonObject) -> InMemory:
    return InMemory(
        model=shown(full_name(text_at(model, "name") or text_at(model, "model"))),
        window_tokens=count_at(model, "context_length"),
        size_bytes=count_at(model, "size"),
        vram_bytes=count_at(model, "size_vram"),
        expires_at=_moment(text_at(model, "expires_at")),
    )


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


class _Parts:
    """The layers of one download, as far as they were named. `has_grown`: the last line named a new one."""

    def __init__(self) -> None:
        self.has_grown = False
        self._counts: dict[str, tuple[int, int]] = {}

    def note(self, digest: str, completed: int, total: int) -> None:
        self.has_grown = digest not in self._counts
        self._counts[digest] = (min(completed, total), total)

    @property
    def completed(self) -> int:
        return sum(completed for completed, _ in self._counts.values())

    @property
    def total(self) -> int:
        return sum(total for _, total in self._counts.values())

    @property
    def missing_bytes(self) -> int:
        return self.total - self.completed


def _progress(record: JsonObject, parts: _Parts, asked: Asked) -> PullProgress:
    if error := text_at(record, "error"):
        if "file does not exist" in error:
            raise ModelMissing(f"The registry has no model {asked.model}.", hint="check its name on ollama.com/library")
        raise failure_in_stream(error, asked)
    status, total = shown(text_at(record, "status")), count_at(record, "total")
    parts.has_grown = False
    if total is None:
        return PullProgress(status)
    # `completed` is left out of the line while it is 0.
    parts.note(text_at(record, "digest") or status, count_at(record, "completed") or 0, total)
    return PullProgress(status, parts.completed, parts.total)


def _check_disk(missing_bytes: int, free_bytes: int | None, asked: Asked) -> None:
    if free_bytes is not None and missing_bytes > free_bytes:
        message = (
            f"{asked.model} does not fit: {readable(missing_bytes)} are still to come and {readable(free_bytes)} "
            f"are free where Ollama keeps its models."
        )
        raise ModelRefused(message, hint="free some space, or choose a smaller model")


def readable(size: int) -> str:
    """`986 MB`, `4.7 GB`: bytes as model sizes are told, in powers of ten."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _vectors(said: JsonObject) -> Iterator[tuple[float, ...]]:
    listed = said.get("embeddings")
    for vector in listed if isinstance(listed, list) else []:
        if not isinstance(vector, list) or not all(isinstance(number, int | float) for number in vector):
            raise UpstreamBroken("A vector of the reply is not a list of numbers.")
        yield tuple(map(float, vector))
