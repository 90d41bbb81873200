"""How the turns, the tools and the sampling of a prompt are written for Ollama. Does no I/O."""

from collections.abc import Iterable, Mapping, Sequence

from amalfa.messages import Message, Sampling, Tools
from amalfa.providers.turns import arguments_of
from amalfa.providers.untrusted_json import JsonObject, object_at, text_at


def ollama_turns(messages: Sequence[Message]) -> list[dict[str, object]]:
    """The messages. The result of a tool goes by the name of the tool, which only the call before it tells."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    return [_turn(message, names) for message in messages]


def ollama_tools(tools: Tools | None) -> Sequence[JsonObject]:
    """The tools to offer; none where they must not be used.

    Ollama has no word for a call that must be made: "required" is left out, and of a named tool remains that the
    model is shown no other. Nor can it be told to make one call at a time.
    """
    if tools is None or tools.choice == "none":
        return ()
    if tools.choice in ("auto", "required"):
        return tools.definitions
    return [one for one in tools.definitions if text_at(object_at(one, "function"), "name") == tools.choice]


def ollama_sampling(sampling: Sampling) -> dict[str, object]:
    """The options for sampling; what is not said is left to the model's own."""
    told: Iterable[tuple[str, object]] = (
        ("top_p", sampling.top_p),
        ("seed", sampling.seed),
        # A bare text here is refused.
        ("stop", list(sampling.stop) or None),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
    )
    return {key: value for key, value in told if value is not None}


def _turn(message: Message, names: Mapping[str, str]) -> dict[str, object]:
    turn: dict[str, object] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        turn["tool_calls"] = [
            {"id": call.id, "function": {"index": index, "name": call.name, "arguments": arguments_of(call)}}
            for index, call in enumerate(message.tool_calls)
        ]
    if message.role == "tool":
        turn["tool_call_id"] = message.tool_call_id
        if name := names.get(message.tool_call_id):
            turn["tool_name"] = name
    return turn
