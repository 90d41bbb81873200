"""Makes the arguments of a tool from the types that validate sonar's HTTP bodies, under names with underscores."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from amalfa.errors import UsageProblem
from amalfa.server.bodies import Body

T = TypeVar("T", bound=BaseModel)

MEANINGS: Mapping[str, str] = {
    "all": "Also list every model that a provider or the price catalogue knows of, not only those at hand.",
    "allowGeneral": "Answer from general knowledge when the notes hold nothing; the answer then says so.",
    "by": "How the sums are grouped.",
    "context": "Text to answer from besides the notes, such as a diff or a log.",
    "dryRun": "Tell what would happen and change nothing.",
    "force": "Unload the model even while calls are running on it.",
    "hint": "The kind of work, a key of sonar.routing.hints in the configuration.",
    "host": "The URL of one Ollama host, or a part of it; without it, the host that a call would go to.",
    "k": "How many passages at most.",
    "maxCostUsd": "Ask no model that may cost more than this, in USD.",
    "model": "A model name such as ollama:qwen2.5:1.5b or openrouter:qwen/qwen-2.5-72b-instruct.",
    "path": "The path of a note below the project root.",
    "prefer": "Only models on this machine, or only cloud models, as far as the rules allow.",
    "privacy": "The widest way the text may travel; narrows the rules of the configuration, never widens them.",
    "query": "The words to look for.",
    "question": "The question, in full sentences, in the language of the notes.",
    "session": "Go on with this conversation: the `session` of an earlier answer.",
    "since": "How far back: an age such as 7d, 24h or 30m, or a date in UTC.",
    "task": "synthesize answers in one go; research searches in several rounds and takes longer.",
    "team": "The team whose rules and budget count.",
    "text": "The text itself, instead of a path.",
    "timeoutMs": "Give up after this many milliseconds.",
    "within": "Only these notes: paths or globs below the project root.",
}
"""What each argument means. A field that is not here is for the server to set: how a reply is sent, and which notes
may be in it."""


def arguments_of(name: str, *sources: type[BaseModel], without: frozenset[str] = frozenset()) -> type[BaseModel]:
    """A type that takes the described fields of all `sources` under names with underscores, and refuses any other."""
    fields = {key: field for source in sources for key, field in source.model_fields.items()}
    taken = {key: _argument(key, field) for key, field in fields.items() if key in MEANINGS and key not in without}
    definitions: dict[str, Any] = taken
    return create_model(name, __base__=Body, **definitions)


def _argument(key: str, field: FieldInfo) -> tuple[Any, Any]:
    annotated: Any = Annotated
    kind = annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    alias = underscored(key)
    meaning = MEANINGS.get(key)
    if field.is_required():
        return kind, Field(alias=alias, description=meaning)
    return kind, Field(default=field.get_default(call_default_factory=True), alias=alias, description=meaning)


def underscored(name: str) -> str:
    """`allowGeneral` as `allow_general`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def read_arguments(kind: type[T], given: Mapping[str, Any]) -> T:
    """The arguments of a call. Raises UsageProblem that names every wrong one."""
    try:
        return kind.model_validate(given)
    except ValidationError as problem:
        raise UsageProblem(
            f"The arguments are not valid. {'; '.join(_wrong(problem))}.", hint="see the tool's input schema"
        ) from None


def body_of(arguments: BaseModel, *, only: type[BaseModel] | None = None) -> dict[str, object]:
    """What was given, under the names of the HTTP body; with `only`, the fields of that type."""
    given = arguments.model_dump(mode="json", by_alias=False, exclude_unset=True)
    return {key: value for key, value in given.items() if only is None or key in only.model_fields}


def _wrong(problem: ValidationError) -> Iterator[str]:
    for error in problem.errors(include_url=False, include_input=False, include_context=False)[:10]:
        yield f"{'.'.join(map(str, error['loc'])) or 'arguments'}: {error['msg']}"
