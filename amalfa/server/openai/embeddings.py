"""`POST /v1/embeddings`: vectors of texts that callers bring."""

import base64
import struct
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.calls import Usage
from amalfa.errors import AmalfaError, NotFound
from amalfa.execution.embedding_calls import Embedded, EmbeddingCall
from amalfa.server.call_headers import terms_from
from amalfa.server.door_models import ModelNotFound, ModelWanted
from amalfa.server.engine import engine_of
from amalfa.server.openai.bodies import EmbeddingsBody, read_sent
from amalfa.server.openai.errors import BadParameter, error_reply
from amalfa.server.openai.names import PIPELINE, wanted_by
from amalfa.server.openai.shown import InputTokensShown, VectorShown, VectorsShown
from amalfa.server.route_headers import embedding_headers

TEXTS_MAX = 2_048


async def embeddings(request: Request) -> Response:
    engine = engine_of(request)
    body = await read_sent(EmbeddingsBody, request)
    wanted = wanted_by(body.model, engine)
    if not isinstance(wanted, ModelWanted) or (wanted.wish_model or "").startswith(PIPELINE):
        raise ModelNotFound(f"{body.model} makes no vectors.", hint="ask for amalfa, or an embedding model")
    terms = terms_from(request, wanted.wish_model)
    try:
        call = EmbeddingCall(terms.request_id, _texts(body), terms.privacy, terms.wish)
        async with engine.lease():
            embedded = await engine.embeddings().embed(call)
    except NotFound as error:
        return error_reply(ModelNotFound(error.message, hint=error.hint), request_id=terms.request_id)
    except AmalfaError as error:
        return error_reply(error, request_id=terms.request_id)
    shown = _shown(embedded, is_packed=body.encoding_format == "base64")
    headers = embedding_headers(embedded, terms.request_id)
    return JSONResponse(shown.model_dump(mode="json", exclude_unset=True), headers=headers)


def _texts(body: EmbeddingsBody) -> tuple[str, ...]:
    """The texts to embed. Raises BadParameter for what would be embedded otherwise than it is meant."""
    if body.dimensions is not None:
        raise BadParameter("Vectors have the length that their model gives them.", param="dimensions")
    given = [body.input] if isinstance(body.input, str) else body.input
    texts = tuple(one for one in given if isinstance(one, str))
    if len(texts) != len(given):
        raise BadParameter("input has to be text; token numbers mean nothing to other models.", param="input")
    if not 0 < len(texts) <= TEXTS_MAX or not all(texts):
        raise BadParameter(f"input takes 1 to {TEXTS_MAX} texts, none of them empty.", param="input")
    return texts


def _shown(embedded: Embedded, *, is_packed: bool) -> VectorsShown:
    data = [
        VectorShown(object="embedding", index=number, embedding=packed(vector) if is_packed else list(vector))
        for number, vector in enumerate(embedded.vectors)
    ]
    shown = VectorsShown(object="list", data=data, model=str(embedded.model))
    tokens = _tokens(embedded.usage)
    return shown.model_copy(update={"usage": tokens}) if tokens else shown


def _tokens(usage: Usage) -> InputTokensShown | None:
    counted = usage.tokens_in
    return None if counted is None else InputTokensShown(prompt_tokens=counted, total_tokens=counted)


def packed(vector: Sequence[float]) -> str:
    """Base64 of little-endian 32-bit floats, which the official clients ask for to save half of the bytes."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
