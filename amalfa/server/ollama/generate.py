"""The route `POST /api/generate`: one prompt, streamed unless told otherwise."""

from starlette.requests import Request
from starlette.responses import Response

from amalfa.server.ollama.asking import reply_to
from amalfa.server.ollama.bodies import OllamaGenerate, body_of, said_to_generate
from amalfa.server.ollama.loading import load
from amalfa.server.ollama.stream import Record


async def generate(request: Request) -> Response:
    body = await body_of(request, OllamaGenerate)
    said = await said_to_generate(body)
    if not body.prompt:
        return await load(request, body, as_response)
    return await reply_to(request, body, said, as_response)


def as_response(text: str, calls: list[Record]) -> Record:
    """The voice of this route; it offers no tools."""
    return {"response": text}
