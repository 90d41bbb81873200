"""What every task has in common: typed input and output, a run, and the reading of replies that are JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from amalfa.calls import JsonSchema, PrivacyClass, Route, Usage
from amalfa.errors import BadReply
from amalfa.execution.reading import Read, Reading
from amalfa.execution.steps import Emit
from amalfa.tasks.desk import Desk, Terms

QUERY_MAX_CHARACTERS = 8_000
TEXT_MAX_CHARACTERS = 400_000
DESCRIBED_MAX_CHARACTERS = 12_000
"""How much of one text goes into a prompt: about 3,000 tokens, which fits the smallest usual context."""


class Given(BaseModel):
    """A task's input. Unknown fields are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class Made(BaseModel):
    """A task's output."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)


GivenT = TypeVar("GivenT", bound=Given, contravariant=True)
MadeT = TypeVar("MadeT", bound=Made)
MadeCo = TypeVar("MadeCo", bound=Made, covariant=True)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[MadeT]):
    """What a task brought. `route` tells how; a refusal before any model was asked has one without attempts.

    `privacy` is the class of the notes that the output rests on.
    """

    output: MadeT
    route: Route
    usage: Usage
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK


class Task(Protocol[GivenT, MadeCo]):
    """One kind of work. Tasks hold no state; everything they need is on the desk."""

    name: str
    given: type[Any]
    made: type[Any]

    async def run(self, given: GivenT, desk: Desk, terms: Terms, emit: Emit) -> "Outcome[Any]":
        """Do the work. Raises an AmalfaError; `emit` hears what is going on."""
        ...


def reply_schema(model: type[BaseModel]) -> JsonSchema:
    """The JSON Schema to send with a prompt: self-contained, closed, and without words that grammars ignore.

    Strict modes want every key required and no others allowed; local grammars are more reliable without
    references. Optional fields must therefore be nullable in `model`, never absent.
    """
    whole = model.model_json_schema()
    definitions: Mapping[str, object] = whole.pop("$defs", {})
    closed = _closed(whole, definitions)
    if not isinstance(closed, dict):
        raise TypeError(f"{model.__name__} is not an object schema")
    return closed


# Titles and defaults mean nothing to a grammar and cost prompt tokens.
_LEFT_OUT = frozenset({"title", "default", "description"})


def _closed(node: object, definitions: Mapping[str, object]) -> object:
    if isinstance(node, list):
        return [_closed(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _closed(definitions[str(node["$ref"]).rpartition("/")[2]], definitions)
    properties = node.get("properties")
    kept = {
        key: _closed(value, definitions) for key, value in node.items() if key not in _LEFT_OUT and key != "properties"
    }
    if isinstance(properties, dict):
        kept["properties"] = {name: _closed(value, definitions) for name, value in properties.items()}
        kept |= {"required": list(properties), "additionalProperties": False}
    return kept


ReplyT = TypeVar("ReplyT", bound=BaseModel)
T = TypeVar("T")


def reader(model: type[ReplyT], check: Callable[[ReplyT], Reading[T] | T]) -> Read[T]:
    """A `Read` for the executor: JSON that fits the schema, then `model`, then the task's own `check`.

    `check` returns the value to keep, as a Reading where it left something out of the reply, and raises
    BadReply for facts that code can test.
    """
    schema = reply_schema(model)

    def read(text: str) -> Reading[T]:
        from amalfa.execution.structured.read import read_reply  # not needed by a question that is answered in prose

        reply = read_reply(text, schema)
        try:
            checked = check(model.model_validate(reply.value))
        except ValidationError as problem:
            raise BadReply(_sentence(problem), gate="schema") from None
        except BadReply as problem:
            problem.gate = "facts"
            raise
        reading = checked if isinstance(checked, Reading) else Reading(checked)
        return Reading(reading.value, tuple(dict.fromkeys((*reply.repairs, *reading.repairs))))

    return read


def _sentence(problem: ValidationError) -> str:
    errors = problem.errors(include_url=False, include_input=False, include_context=False)
    return " ".join(f"{_place(error['loc'])}: {error['msg']}." for error in errors[:5])


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the object"
