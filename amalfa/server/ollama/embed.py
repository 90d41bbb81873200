"""The route `POST /api/embed`: vectors of texts that callers bring."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.clock import SystemClock
from amalfa.errors import AmalfaError, UsageProblem
from amalfa.execution.embedding_calls import EmbeddingCall
from amalfa.server.call_headers import terms_from
from amalfa.server.door_models import PIPELINE, ModelWanted
from amalfa.server.engine import engine_of
from amalfa.server.ollama.asking import wanted_by
from amalfa.server.ollama.bodies import OllamaEmbed, body_of
from amalfa.server.ollama.errors import error_reply
from amalfa.server.ollama.shown import OllamaVectors
from amalfa.server.route_headers import embedding_headers

TEXTS_MAX = 2_048


async def embed(request: Request) -> Response:
    engine, clock = engine_of(request), SystemClock()
    since_s = clock.monotonic_s()
    body = await body_of(request, OllamaEmbed)
    wanted = wanted_by(body.model, engine)
    if not isinstance(wanted, ModelWanted) or (wanted.wish_model or "").startswith(PIPELINE):
        raise UsageProblem(f"{body.model} makes no vectors.", hint="ask for amalfa, or for an embedding model")
    terms = terms_from(request, wanted.wish_model)
    texts = _texts(body)
    if not texts:
        return JSONResponse({"model": body.model, "embeddings": []})
    call = EmbeddingCall(terms.request_id, texts, terms.privacy, terms.wish)
    try:
        async with engine.lease():
            embedded = await engine.embeddings().embed(call)
    except AmalfaError as error:
        return error_reply(error, request_id=terms.request_id)
    shown = OllamaVectors(
        model=body.model,
        embeddings=[list(vector) for vector in embedded.vectors],
        total_duration=round((clock.monotonic_s() - since_s) * 1e9),
        prompt_eval_count=embedded.usage.tokens_in,
    )
    headers = embedding_headers(embedded, terms.request_id)
    return JSONResponse(shown.model_dump(mode="json", exclude_none=True), headers=headers)


def _texts(body: OllamaEmbed) -> tuple[str, ...]:
    """The texts; none for an empty one alone, which is how clients of Ollama look whether a model is there."""
    if body.dimensions is not None:
        raise UsageProblem("Vectors have the length that their model gives them.", hint="leave out dimensions")
    texts = (body.input,) if isinstance(body.input, str) else tuple(body.input)
    if texts in ((), ("",)):
        return ()
    if len(texts) > TEXTS_MAX or not all(texts):
        raise UsageProblem(f"input takes up to {TEXTS_MAX} texts, none of them empty.", hint="send them in parts")
    return texts
