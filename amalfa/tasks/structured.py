"""One question to a model whose reply is an object: the shape all light tasks share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from amalfa.calls import Answer, Material, PrivacyClass, Prompt
from amalfa.execution.reading import Reading
from amalfa.execution.steps import Emit
from amalfa.messages import Message
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.task import reader, reply_schema

ReplyT = TypeVar("ReplyT", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question(Generic[ReplyT, T]):
    """What is asked, what the reply looks like, and what code can check of it.

    `check` turns the reply into the value to keep, or into a Reading that also names what it left out; it
    raises BadReply with a sentence for the model.
    `privacy` is the class of the text that the messages quote.
    """

    task: str
    messages: tuple[Message, ...]
    material: Material
    reply: type[ReplyT]
    check: Callable[[ReplyT], Reading[T] | T]
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK


async def ask_model(
    question: Question[ReplyT, T], desk: Desk, terms: Terms, emit: Emit, deadline_s: float
) -> Answer[T]:
    """Ask under the task's settings, and return the checked value."""
    rules = desk.rules[question.task]
    prompt = Prompt(
        messages=question.messages,
        material=question.material,
        max_tokens=rules.max_tokens,
        temperature=rules.temperature,
        schema=reply_schema(question.reply),
    )
    call = desk.call(question.task, terms, prompt, deadline_s=deadline_s, privacy=question.privacy)
    return await desk.executor.ask(call, emit, read=reader(question.reply, question.check))
