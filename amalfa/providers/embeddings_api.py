"""Turns texts into vectors over the `/embeddings` route that chat-completion APIs have beside their chat."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from amalfa.calls import Material, PrivacyClass, Prompt, Usage
from amalfa.errors import CallError, UpstreamBroken
from amalfa.providers.api import Api
from amalfa.providers.chat_reply import Judge
from amalfa.providers.provider import Request
from amalfa.providers.refusals import refusal_inside, refusal_of_status
from amalfa.providers.reply import Reply
from amalfa.providers.untrusted_json import JsonObject, count_at, number_at, object_at, objects_at, parse_object

# A vector of the longest common kind is 60 kB of JSON, and a reply may have 8 MiB.
TEXTS_PER_REQUEST = 64

Vectors = tuple[tuple[float, ...], ...]
NOT_A_PROMPT = Prompt((), Material(), 0, 0.0)


class Extra(Protocol):
    """The fields of a request that one API has beside the usual ones."""

    def __call__(self, request: Request) -> JsonObject: ...


def nothing_more(request: Request) -> JsonObject:
    """The `Extra` of an API that has no fields of its own."""
    return {}


class EmbeddingsApi:
    """Asks one API for vectors."""

    def __init__(self, api: Api, judge: Judge, *, extra: Extra = nothing_more) -> None:
        self._api = api
        self._judge = judge
        self._extra = extra

    async def embed(
        self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[Vectors, Usage]:
        """One vector for each text, in order, and what was counted in all. Raises CallError.

        What a request did not tell makes the sum unknown. The usage of a failure is that of the requests before it.
        """
        self._api.check_key()
        started_s = self._api.clock.monotonic_s()
        vectors: list[tuple[float, ...]] = []
        counted = Usage(0, None, 0.0)
        request = Request(model, NOT_A_PROMPT, privacy, deadline_s, "", "embed")
        for start in range(0, len(texts), TEXTS_PER_REQUEST):
            try:
                said, usage = await self._ask(request, list(texts[start : start + TEXTS_PER_REQUEST]))
            except CallError as error:
                error.usage = counted if start else error.usage
                error.is_maybe_paid = error.is_maybe_paid or start > 0
                raise
            vectors += said
            counted = _sum(counted, usage)
        ms = round((self._api.clock.monotonic_s() - started_s) * 1000)
        return tuple(vectors), Usage(counted.tokens_in, None, counted.cost_usd, ms)

    async def _ask(self, request: Request, texts: list[str]) -> tuple[list[tuple[float, ...]], Usage]:
        body: JsonObject = {
            "model": request.model,
            "input": texts,
            "encoding_format": "float",
            **self._extra(request),
        }
        async with self._api.post("/embeddings", body, request) as reply:
            said = await self._good(reply, request.model)
        return _in_order(said, len(texts), self._api.asked(request.model).where), self._counted(said)

    async def _good(self, reply: Reply, model: str) -> JsonObject:
        asked, now = self._api.asked(model), self._api.clock.now()
        if reply.status >= 400:
            refusal = refusal_of_status(reply.status, reply.headers, await reply.error_text())
            raise self._judge.failure(refusal, asked, now)
        said = parse_object(await reply.body())
        if said is None:
            raise UpstreamBroken(f"{asked.where} answered with something that is not a JSON object.")
        if (inside := refusal_inside(said, reply.headers)) is not None:
            raise self._judge.failure(inside, asked, now)
        return said

    def _counted(self, said: JsonObject) -> Usage:
        usage = object_at(said, "usage")
        cost_usd = number_at(usage, "cost")
        is_free = cost_usd is None and not self._api.endpoint.bills
        return Usage(count_at(usage, "prompt_tokens"), None, 0.0 if is_free else cost_usd)


def _in_order(said: JsonObject, count: int, where: str) -> list[tuple[float, ...]]:
    """The vectors by their index; those of an API that tells none in the order they came."""
    rows = objects_at(said, "data")
    placed: Mapping[int, JsonObject] = {
        place if (told := count_at(row, "index")) is None else told: row for place, row in enumerate(rows)
    }
    if len(rows) != count or set(placed) != set(range(count)):
        raise UpstreamBroken(f"{where} sent {len(rows)} vectors for {count} texts.")
    return [_vector(placed[place], where) for place in range(count)]


def _vector(row: JsonObject, where: str) -> tuple[float, ...]:
    numbers = row.get("embedding")
    if not isinstance(numbers, list) or not numbers or not all(isinstance(one, int | float) for one in numbers):
        raise UpstreamBroken(f"{where} sent a vector that is not a list of numbers.")
    return tuple(map(float, numbers))


def _sum(one: Usage, other: Usage) -> Usage:
    tokens = None if one.tokens_in is None or other.tokens_in is None else one.tokens_in + other.tokens_in
    cost_usd = None if one.cost_usd is None or other.cost_usd is None else one.cost_usd + other.cost_usd
    return Usage(tokens, None, cost_usd)
