"""What a chat request brought, whichever way it was answered, and its whole reply with headers."""

from dataclasses import dataclass

from starlette.responses import JSONResponse

from amalfa.calls import Answer, Finish, Route, Usage
from amalfa.messages import ToolCall
from amalfa.server.openai.shown import ChatShown, ChoiceShown, FunctionShown, MessageShown, ToolCallShown, tokens_of
from amalfa.server.route_headers import route_headers
from amalfa.tasks.completion import text_of


@dataclass(frozen=True, slots=True)
class Said:
    """A whole answer: of a model to the caller's messages, or of a task over the notes."""

    text: str
    route: Route
    usage: Usage
    finish: Finish = "stop"
    tool_calls: tuple[ToolCall, ...] = ()


def said_of(answer: Answer[object]) -> Said:
    return Said(text_of(answer), answer.route, answer.usage, answer.finish, answer.tool_calls)


def whole_reply(said: Said, *, asked: str, created: int) -> JSONResponse:
    """The reply in one piece. `asked` names the model of an answer that no model was needed for."""
    request_id = said.route.request_id
    calls = [
        ToolCallShown(
            id=call.id or tool_call_id(request_id, number),
            type="function",
            function=FunctionShown(name=call.name, arguments=call.arguments),
        )
        for number, call in enumerate(said.tool_calls)
    ]
    content = said.text if said.text or not calls else None
    message = MessageShown(role="assistant", content=content, refusal=None, **({"tool_calls": calls} if calls else {}))
    tokens = tokens_of(said.usage)
    shown = ChatShown(
        id=f"chatcmpl-{request_id}",
        object="chat.completion",
        created=created,
        model=said.route.model or asked,
        choices=[ChoiceShown(index=0, message=message, logprobs=None, finish_reason=said.finish)],
        **({"usage": tokens} if tokens else {}),
    )
    return JSONResponse(
        shown.model_dump(mode="json", exclude_unset=True), headers=route_headers(said.route, said.usage)
    )


def tool_call_id(request_id: str, number: int) -> str:
    """A name for a call that its model gave none; callers need one to bring the result."""
    return f"call_{request_id.removeprefix('req_')}_{number}"
