"""extract: what a text says, in the form of a JSON Schema that the caller brings."""

import json

import anyio.to_thread
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from amalfa.calls import JsonSchema, Material, Prompt
from amalfa.errors import BadReply, TooLarge, UsageProblem
from amalfa.execution.reading import Read, Reading
from amalfa.execution.steps import Emit
from amalfa.messages import Message
from amalfa.tasks.brought_schema import check_brought_schema
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.object_root import KEY, ObjectRoot, with_object_root
from amalfa.tasks.prompts import JSON_ONLY, QUOTED, conversation, quoted
from amalfa.tasks.task import TEXT_MAX_CHARACTERS, Given, Made, Outcome

SENT_MAX_CHARACTERS = 100_000
"""How long a text may be: about 25,000 tokens. A longer one is refused, as a part left out could be what matters."""

SCHEMA_MAX_CHARACTERS = 50_000
"""How long a schema may be, as compact JSON; it is sent along with every text."""

SYSTEM = f"""You extract data from a text. {QUOTED} {JSON_ONLY} It has to be valid against the JSON Schema below.
Take every value from the text alone, and copy names, numbers and dates as they stand unless the schema asks for \
another form. Never guess: what the text does not say is left out where the schema allows that, otherwise it is null, \
an empty list or an empty text, whichever the schema allows."""


class ExtractInput(Given):
    """A text and the JSON Schema of what is wanted.

    `path` is where the text is from, relative to the root, when it is a file of the project: its privacy applies,
    and nothing is read from there.
    """

    # The field has another name than its key, as pydantic has a `schema` of its own.
    wanted: dict[str, object] | bool = Field(alias="schema")
    text: str = Field(min_length=1, max_length=TEXT_MAX_CHARACTERS)
    path: str | None = Field(default=None, min_length=1, max_length=1_000)

    @field_validator("wanted", mode="before")
    @classmethod
    def _is_schema(cls, value: object) -> object:
        if not isinstance(value, dict | bool):
            raise PydanticCustomError("json_schema", "A JSON Schema is an object, true or false")
        return value


class ExtractOutput(Made):
    """`value` is valid against the schema of the input."""

    value: object


class Extract:
    name = "extract"
    given = ExtractInput
    made = ExtractOutput

    async def run(self, given: ExtractInput, desk: Desk, terms: Terms, emit: Emit) -> Outcome[ExtractOutput]:
        """Raises UsageProblem before any model is asked when the schema or the text cannot be used."""
        deadline_s = desk.deadline_s(self.name, terms)
        _check_text(given.text)
        wanted = _as_object(given.wanted)
        await anyio.to_thread.run_sync(_check_schema, wanted)
        root = with_object_root(wanted)
        rules, path = desk.rules[self.name], given.path or ""
        prompt = Prompt(
            messages=_messages(given.text, root),
            material=Material(documents=((path, given.text),), quoted=(path,) if path else ()),
            max_tokens=rules.max_tokens,
            temperature=rules.temperature,
            schema=root.schema,
        )
        privacy = desk.notes.privacy_of(path, given.text)
        call = desk.call(self.name, terms, prompt, deadline_s=deadline_s, privacy=privacy)
        answer = await desk.executor.ask(call, emit, read=value_reader(wanted, root))
        return Outcome(ExtractOutput(value=answer.value), answer.route, answer.usage)


def value_reader(wanted: JsonSchema, root: ObjectRoot) -> Read[object]:
    """Reads a reply as a value that is valid against `wanted`; `root` is the form in which it was asked for."""

    def read(text: str) -> Reading[object]:
        from amalfa.execution.structured.schema import validate

        value, repairs = _found(text, root)
        try:
            validate(value, wanted)
        except BadReply as problem:
            problem.gate = "schema"
            raise
        return Reading(value, repairs)

    return read


def _found(text: str, root: ObjectRoot) -> tuple[object, tuple[str, ...]]:
    from amalfa.execution.structured.policy import Repair
    from amalfa.execution.structured.read import read_reply

    try:
        reply = read_reply(text, root.schema)
    except BadReply as problem:
        if not root.is_wrapped or problem.gate != "schema":
            raise
        # Some models leave out the object around the value. What they sent counts when it is valid by itself.
        try:
            reply = read_reply(text, root.bare)
        except BadReply:
            raise problem from None
        return reply.value, (*reply.repairs, Repair.WRAPPER.value)
    if root.is_wrapped and isinstance(reply.value, dict):
        return reply.value[KEY], reply.repairs
    return reply.value, reply.repairs


def _messages(text: str, root: ObjectRoot) -> tuple[Message, ...]:
    # Local models are held to the schema by a grammar and never see it, with what its descriptions say, elsewhere.
    schema = json.dumps(root.schema, ensure_ascii=False, separators=(",", ":"))
    return conversation(f"{SYSTEM}\nJSON Schema: {schema}", quoted("text", text))


def _check_text(text: str) -> None:
    if not text.strip():
        raise UsageProblem("The text is empty, so there is nothing to extract.", hint="send a text")
    if len(text) > SENT_MAX_CHARACTERS:
        raise TooLarge(
            f"The text has {len(text):,} characters; extract takes at most {SENT_MAX_CHARACTERS:,}.",
            hint="send the part that matters, or one part after the other",
        )


def _as_object(wanted: dict[str, object] | bool) -> JsonSchema:
    """`true` is the schema that allows everything, which is also {}; `false` allows nothing."""
    if wanted is False:
        raise UsageProblem("The schema false allows no value at all.", hint="send the schema of what is wanted")
    return {} if wanted is True else wanted


def _check_schema(schema: JsonSchema) -> None:
    hint = "leave out what is not wanted from the text"
    check_brought_schema(schema, max_characters=SCHEMA_MAX_CHARACTERS, hint=hint)
