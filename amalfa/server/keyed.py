"""Requests that bring an idempotency key, in the header or in the body: what the key is, and what it stands for."""

import hashlib
import json
import re
from collections.abc import Mapping

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from amalfa.errors import UsageProblem
from amalfa.server.engine import engine_of
from amalfa.server.once import Asked, Make

KEY_HEADER = "idempotency-key"
KEY_FIELD = "idempotencyKey"
KEY_MAX_CHARACTERS = 255

_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_MAX_CHARACTERS}}}")
_HOW_HEADERS = "x-amalfa-"
_BLOCKING_HASH_BYTES = 65_536


async def reply_under_key(request: Request, body: Mapping[str, object], make: Make, *, is_stream: bool) -> Response:
    """The reply that `make` makes: once for all requests with the same key, at once for a request without one.

    Raises UsageProblem for a key on a request that wants events: a stream is told once, to one caller.
    """
    key = key_of(request, body)
    if key is None:
        return await make()
    if is_stream:
        raise UsageProblem("A streamed request cannot have an idempotency key.", hint="leave out stream, or the key")
    return await engine_of(request).once.reply(await _asked(request, key, body), make)


def key_of(request: Request, body: Mapping[str, object]) -> str | None:
    """The key that a request brings; None without one.

    Raises UsageProblem for one that is no short word of visible ASCII characters, and for two that differ.
    """
    given = {str(key) for key in (*request.headers.getlist(KEY_HEADER), body.get(KEY_FIELD)) if key is not None}
    if not given:
        return None
    key = given.pop()
    if given:
        raise UsageProblem("The request brings two idempotency keys.", hint="send one, in the header or in the body")
    if not _KEY.fullmatch(key):
        hint = f"send 1 to {KEY_MAX_CHARACTERS} visible ASCII characters"
        raise UsageProblem("This is no idempotency key.", hint=hint)
    return key


async def _asked(request: Request, key: str, body: Mapping[str, object]) -> Asked:
    """What is asked under the key. Order and spelling of the body's JSON make no difference."""
    how = {name: value for name, value in request.headers.items() if name.startswith(_HOW_HEADERS)}
    plain = {"body": {name: value for name, value in body.items() if name != KEY_FIELD}, "how": how}
    is_large = len(await request.body()) > _BLOCKING_HASH_BYTES
    digest = await anyio.to_thread.run_sync(_hash, plain) if is_large else _hash(plain)
    return Asked(request.url.path, key, digest)


def _hash(document: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
