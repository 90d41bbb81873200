"""Numbers and names the tool calls of one reply, whose fragments come in many ways. Does no I/O.

Chat-completion APIs send the name first and the arguments bit by bit, told apart by `index`; some send whole calls,
some repeat id and name in every fragment, some give two calls one index, some forget index or id. Ollama sends whole
calls whose arguments are an object.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amalfa.providers.provider import ToolCallDelta
from amalfa.providers.untrusted_json import JsonObject, count_at, object_at, parse_object, text_at

CALLS_MAX = 128
"""More calls than any API lets a model make in one reply; fragments of further ones are left out."""


def new_call_id() -> str:
    """An id for a call that came without one."""
    return f"call_{uuid.uuid4().hex}"


@dataclass(slots=True)
class _Call:
    """One call so far. `index` and `id` are the API's own; a call is told to nobody before it has a name."""

    index: int | None
    id: str
    is_told: bool = False
    arguments: str = ""


class CallFragments:
    """The tool calls of one reply as they come."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    @property
    def has_calls(self) -> bool:
        return bool(self._calls)

    @property
    def are_named(self) -> bool:
        """Whether every call says which tool it wants."""
        return all(call.is_told for call in self._calls)

    def take(self, fragments: Sequence[JsonObject]) -> Iterator[ToolCallDelta]:
        """What the fragments of one event add."""
        for fragment in fragments:
            place = self._place(fragment)
            if place is not None:
                yield from self._added(place, fragment)

    def end(self) -> Iterator[ToolCallDelta]:
        """What is missing when all have come: a call without arguments has an empty object of them."""
        for place, call in enumerate(self._calls):
            if call.is_told and not call.arguments.strip():
                call.arguments = "{}"
                yield ToolCallDelta(place, arguments="{}")

    def _place(self, fragment: JsonObject) -> int | None:
        """Which call the fragment belongs to, begun here if it is a new one; None when there are too many."""
        index, function = count_at(fragment, "index"), object_at(fragment, "function")
        if index is None:
            index = count_at(function, "index")
        its_id, has_name = text_at(fragment, "id"), bool(text_at(function, "name"))
        for place in range(len(self._calls) - 1, -1, -1):
            call = self._calls[place]
            is_its = call.index == index if index is not None else not has_name or (bool(its_id) and its_id == call.id)
            if is_its:
                is_another = has_name and call.is_told and its_id != call.id and parse_object(call.arguments)
                if not is_another or not (its_id or _is_whole(function)):
                    return place
                break
        if not has_name and not its_id and index is None:
            return None
        if len(self._calls) >= CALLS_MAX:
            return None
        self._calls.append(_Call(index, its_id))
        return len(self._calls) - 1

    def _added(self, place: int, fragment: JsonObject) -> Iterator[ToolCallDelta]:
        call, function = self._calls[place], object_at(fragment, "function")
        arguments = _arguments(function)
        call.arguments += arguments
        call.id = call.id or text_at(fragment, "id")
        if call.is_told:
            if arguments:
                yield ToolCallDelta(place, arguments=arguments)
        elif name := text_at(function, "name"):
            call.is_told = True
            call.id = call.id or new_call_id()
            yield ToolCallDelta(place, call.id, name, call.arguments)


def _is_whole(function: JsonObject) -> bool:
    return parse_object(_arguments(function)) is not None


def _arguments(function: JsonObject) -> str:
    """The arguments as text, whether they came as the text or as the object itself; "" where there are none."""
    given = function.get("arguments")
    if isinstance(given, dict):
        return json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    return given if isinstance(given, str) else ""
