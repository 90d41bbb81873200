"""A completion as other programs ask for it: their own messages to a model, with nothing of the notes added.

It runs under the settings of the task chat, and under the same rules of privacy, money and fallback as every call.
"""

import json
from dataclasses import dataclass

from amalfa.calls import Answer, JsonSchema, Material, PrivacyClass, Prompt
from amalfa.execution.reading import Read, Reading, unread
from amalfa.execution.steps import Emit
from amalfa.messages import PLAIN_SAMPLING, Message, Sampling, Tools
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.extract import value_reader
from amalfa.tasks.object_root import with_object_root

TASK = "chat"


@dataclass(frozen=True, slots=True)
class Completion:
    """What is asked for. `max_tokens` and `temperature` None: as configured for chat.

    `schema` None means free text. Otherwise the reply has to be valid against it; its root is an object.
    """

    messages: tuple[Message, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    sampling: Sampling = PLAIN_SAMPLING
    tools: Tools | None = None
    schema: JsonSchema | None = None


async def complete(wanted: Completion, desk: Desk, terms: Terms, emit: Emit, *, is_live: bool) -> Answer[object]:
    """The reply. Live, its pieces are emitted as they come; otherwise a reply that breaks is asked for elsewhere.

    With a schema the text of a reply that had to be mended is the mended value. What was already emitted cannot be
    mended: a live reply that is not valid raises BrokenOff.
    """
    rules = desk.rules[TASK]
    prompt = Prompt(
        messages=wanted.messages,
        material=Material(question=_last_words(wanted.messages), quoted=()),
        max_tokens=wanted.max_tokens or rules.max_tokens,
        temperature=rules.temperature if wanted.temperature is None else wanted.temperature,
        schema=wanted.schema,
        sampling=wanted.sampling,
        tools=wanted.tools,
        may_be_cut=True,
    )
    deadline_s = desk.deadline_s(TASK, terms)
    call = desk.call(TASK, terms, prompt, deadline_s=deadline_s, privacy=PrivacyClass.CLOUD_OK)
    read = _reader(wanted.schema, is_live=is_live)
    return await (desk.executor.tell if is_live else desk.executor.ask)(call, emit, read=read)


def text_of(answer: Answer[object]) -> str:
    """The reply as it is sent: as it was written, or as it was mended."""
    if answer.route.repairs and answer.value is not None:
        return json.dumps(answer.value, ensure_ascii=False)
    return answer.text


def _reader(schema: JsonSchema | None, *, is_live: bool) -> Read[object]:
    if schema is None:
        return _plain
    return value_reader(schema, with_object_root(schema))


def _plain(text: str) -> Reading[object]:
    return unread(text)


def _last_words(messages: tuple[Message, ...]) -> str:
    return next((one.content for one in reversed(messages) if one.role == "user"), "")
