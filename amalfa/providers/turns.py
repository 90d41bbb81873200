"""How the turns, the tools and the sampling of a prompt are written in the chat-completion protocol. Does no I/O."""

from amalfa.calls import Prompt
from amalfa.messages import Message, Sampling, ToolCall, Tools
from amalfa.providers.untrusted_json import JsonObject, parse_object

LEAST_NEEDED = ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "parallel_tool_calls")
"""Parameters that a model may be asked without when it is not served with them: they only nudge its choice of words."""


def chat_turn(message: Message) -> dict[str, object]:
    """One message, with its tool calls and what it answers."""
    turn: dict[str, object] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        # Beside calls some APIs refuse an empty text.
        turn["content"] = message.content or None
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        turn["tool_call_id"] = message.tool_call_id
    return turn


def arguments_of(call: ToolCall) -> JsonObject:
    """The arguments as an object, which some APIs demand; text that is none becomes one with that text in it."""
    if not call.arguments.strip():
        return {}
    found = parse_object(call.arguments)
    return {"arguments": call.arguments} if found is None else found


def wishes_of(prompt: Prompt) -> JsonObject:
    """The fields for sampling and tools; what the prompt leaves to the provider is left out."""
    return {**_sampling(prompt.sampling), **(_tools(prompt.tools) if prompt.tools else {})}


def _sampling(sampling: Sampling) -> dict[str, object]:
    told: dict[str, object] = {
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
    }
    return {key: value for key, value in told.items() if value is not None}


def _tools(tools: Tools) -> dict[str, object]:
    # Tools that must not be used are not sent: a model that knows none would be refused for nothing.
    if not tools.are_offered:
        return {}
    fields: dict[str, object] = {"tools": list(tools.definitions)}
    if tools.choice == "required":
        fields["tool_choice"] = tools.choice
    elif tools.choice != "auto":
        fields["tool_choice"] = {"type": "function", "function": {"name": tools.choice}}
    if tools.is_parallel is not None:
        fields["parallel_tool_calls"] = tools.is_parallel
    return fields
