"""The route `POST /api/chat`: a conversation, streamed unless told otherwise."""

from starlette.requests import Request
from starlette.responses import Response

from amalfa.server.ollama.asking import reply_to
from amalfa.server.ollama.bodies import OllamaChat, body_of, said_in_chat
from amalfa.server.ollama.loading import load
from amalfa.server.ollama.stream import Record


async def chat(request: Request) -> Response:
    body = await body_of(request, OllamaChat)
    if not body.messages:
        return await load(request, body, as_message)
    return await reply_to(request, body, await said_in_chat(body), as_message)


def as_message(text: str, calls: list[Record]) -> Record:
    """The voice of this route."""
    message: Record = {"role": "assistant", "content": text}
    return {"message": {**message, "tool_calls": calls} if calls else message}
