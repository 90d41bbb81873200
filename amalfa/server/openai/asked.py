"""Turns a chat request of the OpenAI API into a completion, and refuses what would silently mean something else."""

from collections.abc import Iterator

from amalfa.calls import JsonSchema
from amalfa.errors import TooLarge, UsageProblem
from amalfa.messages import Message, Sampling, ToolCall, Tools
from amalfa.server.door_schema import ANY_OBJECT, check_reply_schema
from amalfa.server.openai.bodies import ChatBody, Part, TurnBody
from amalfa.server.openai.errors import BadParameter
from amalfa.tasks.completion import Completion

STOPS_MAX = 16


def completion_of(body: ChatBody) -> Completion:
    """What the request asks for. Raises BadParameter for what cannot be honoured."""
    _refuse_unmeant(body)
    return Completion(
        messages=tuple(_messages(body.messages)),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        temperature=body.temperature,
        sampling=_sampling(body),
        tools=_tools(body),
        schema=schema_of(body),
    )


def schema_of(body: ChatBody) -> JsonSchema | None:
    """What the reply has to be valid against; None for free text."""
    form = body.response_format
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return ANY_OBJECT
    if form.json_schema is None:
        raise BadParameter("json_schema is missing.", param="response_format.json_schema")
    schema = form.json_schema.wanted or ANY_OBJECT
    try:
        check_reply_schema(schema)
    except TooLarge:
        raise
    except UsageProblem as problem:
        raise BadParameter(problem.message, param="response_format", hint=problem.hint) from None
    return schema


def _refuse_unmeant(body: ChatBody) -> None:
    """Refuse what was sent to change the reply and would not."""
    is_beyond_text = body.modalities is not None and any(one != "text" for one in body.modalities)
    unmeant: dict[str, tuple[bool, str]] = {
        "n": (body.n not in (None, 1), "only one choice is given; ask several times for more"),
        "logprobs": (bool(body.logprobs), "probabilities of tokens are not known here"),
        "top_logprobs": (bool(body.top_logprobs), "probabilities of tokens are not known here"),
        "logit_bias": (bool(body.logit_bias), "tokens cannot be biased, as every model has its own"),
        "modalities": (is_beyond_text, "replies are text alone"),
        "audio": (body.audio is not None, "replies are text alone"),
        "functions": (bool(body.functions), "send them as tools"),
        "function_call": (body.function_call is not None, "send tool_choice"),
        "web_search_options": (body.web_search_options is not None, "nothing is searched but the notes"),
    }
    for param, (is_meant, why) in unmeant.items():
        if is_meant:
            raise BadParameter(f"{param} cannot be honoured: {why}.", param=param)


def _messages(turns: list[TurnBody]) -> Iterator[Message]:
    """The turns. Instructions at the beginning become one, as many models read no more than that."""
    opening: list[str] = []
    for place, turn in enumerate(turns):
        message = _message(turn, f"messages[{place}]")
        if message.role == "system" and len(opening) == place:
            opening.append(message.content)
            continue
        if opening and len(opening) == place:
            yield Message("system", "\n\n".join(opening))
        yield message
    if len(opening) == len(turns):
        yield Message("system", "\n\n".join(opening))


def _message(turn: TurnBody, place: str) -> Message:
    if turn.content is None and turn.role != "assistant":
        raise BadParameter(f"A turn of the role {turn.role} has content.", param=f"{place}.content")
    text = _text(turn.content, f"{place}.content")
    match turn.role:
        case "system" | "developer":
            return Message("system", text)
        case "user":
            return Message("user", text)
        case "tool":
            if not turn.tool_call_id:
                raise BadParameter("A tool's turn says whose result it is.", param=f"{place}.tool_call_id")
            return Message("tool", text, tool_call_id=turn.tool_call_id)
        case "assistant":
            calls = (ToolCall(call.id, call.function.name, call.function.arguments) for call in turn.tool_calls or ())
            return Message("assistant", text or turn.refusal or "", tuple(calls))


def _text(content: str | list[Part] | None, place: str) -> str:
    if isinstance(content, str) or content is None:
        return content or ""
    for number, part in enumerate(content):
        if part.type not in ("text", "refusal"):
            param = f"{place}[{number}]"
            raise BadParameter(f"{param} is of type {part.type!r}; only text can be read.", param=param)
    return "\n".join(part.text or part.refusal or "" for part in content)


def _sampling(body: ChatBody) -> Sampling:
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    if len(stop) > STOPS_MAX or not all(stop):
        raise BadParameter(f"stop takes up to {STOPS_MAX} texts, none of them empty.", param="stop")
    return Sampling(
        top_p=body.top_p,
        seed=body.seed,
        stop=stop,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
    )


def _tools(body: ChatBody) -> Tools | None:
    """The tools on offer; without any, a choice among them means nothing."""
    if not body.tools:
        if body.tool_choice not in (None, "none", "auto"):
            raise BadParameter("tool_choice demands a tool, and there is none.", param="tool_choice")
        return None
    names = {tool.function.name for tool in body.tools}
    chosen = body.tool_choice or "auto"
    choice = chosen if isinstance(chosen, str) else chosen.function.name
    if choice is not chosen and choice not in names:
        raise BadParameter(f"tool_choice names {choice!r}, which is not among the tools.", param="tool_choice")
    definitions = tuple(tool.model_dump(exclude_unset=True) for tool in body.tools)
    return Tools(definitions, choice, body.parallel_tool_calls)
