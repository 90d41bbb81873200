"""How the turns and the tools of a prompt are written in Anthropic's Messages API. Does no I/O."""

import re
from collections.abc import Iterable, Sequence

from amalfa.messages import Message, Tools
from amalfa.providers.turns import arguments_of
from amalfa.providers.untrusted_json import EMPTY, JsonObject, object_at, text_at

Block = dict[str, object]

# Ids of other APIs may hold what this one refuses.
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


def anthropic_turns(messages: Iterable[Message]) -> tuple[str, list[dict[str, object]]]:
    """The system text, which stands apart here, and the turns; empty ones, which are refused, left out.

    The results of tools are said by the user, all those that follow one turn together.
    """
    said = [message for message in messages if message.content.strip() or message.tool_calls or message.role == "tool"]
    system = "\n\n".join(message.content for message in said if message.role == "system")
    turns: list[dict[str, object]] = []
    results: list[Block] = []
    for message in said:
        if message.role == "tool":
            if not results:
                turns.append({"role": "user", "content": results})
            results.append(_result(message))
        elif message.role != "system":
            results = []
            turns.append({"role": message.role, "content": _content(message)})
    return (system, turns) if turns else ("", [{"role": "user", "content": system}])


def tools_of(tools: Tools | None) -> dict[str, object]:
    """The fields `tools` and `tool_choice`; nothing where no tool is offered."""
    if tools is None or not tools.definitions:
        return {}
    return {"tools": [_defined(one) for one in tools.definitions], **_choice(tools)}


def stops_of(stop: Sequence[str]) -> dict[str, object]:
    """The field `stop_sequences`, without blank ones, which are refused."""
    told = [text for text in stop if text.strip()]
    return {"stop_sequences": told} if told else {}


def _content(message: Message) -> str | list[Block]:
    if not message.tool_calls:
        return message.content
    blocks: list[Block] = [{"type": "text", "text": message.content}] if message.content.strip() else []
    blocks += [
        {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": arguments_of(call)}
        for call in message.tool_calls
    ]
    return blocks


def _result(message: Message) -> Block:
    content = {"content": message.content} if message.content.strip() else {}
    return {"type": "tool_result", "tool_use_id": _id(message.tool_call_id), **content}


def _id(text: str) -> str:
    return _NOT_IN_IDS.sub("_", text) or "_"


def _defined(definition: JsonObject) -> JsonObject:
    function = object_at(definition, "function")
    description = text_at(function, "description")
    told = {"description": description} if description else {}
    schema = function.get("parameters")
    return {"name": text_at(function, "name"), **told, "input_schema": _object_schema(schema)}


def _object_schema(schema: object) -> JsonObject:
    """A schema of objects: of a tool without parameters the one that has none."""
    found = schema if isinstance(schema, dict) else EMPTY
    return found if found.get("type") == "object" else {**found, "type": "object"}


def _choice(tools: Tools) -> dict[str, object]:
    kinds = {"auto": "auto", "none": "none", "required": "any"}
    kind = kinds.get(tools.choice, "tool")
    choice: dict[str, object] = {"type": kind}
    if kind == "tool":
        choice["name"] = tools.choice
    if tools.is_parallel is not None and kind != "none":
        choice["disable_parallel_tool_use"] = not tools.is_parallel
    return {} if choice == {"type": "auto"} else {"tool_choice": choice}
