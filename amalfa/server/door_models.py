"""What the model names of the open doors stand for, and the tasks over the notes that some of them name."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from amalfa.calls import JsonSchema, strictest
from amalfa.errors import NotFound, UsageProblem
from amalfa.execution.steps import Delta, Emit, Step
from amalfa.messages import Message
from amalfa.server.work import read_body
from amalfa.tasks.catalog import CATALOG
from amalfa.tasks.chat import MESSAGES_MAX, ChatOutput
from amalfa.tasks.conversations import Turn
from amalfa.tasks.desk import Desk, Terms, privacy_of_passages
from amalfa.tasks.extract import ExtractOutput
from amalfa.tasks.grounded import GroundedOutput
from amalfa.tasks.labels import labels_in
from amalfa.tasks.rerank import Result
from amalfa.tasks.source_list import source_list
from amalfa.tasks.task import QUERY_MAX_CHARACTERS, Made, Outcome

HOUSE_NAME = "amalfa"
PIPELINE = "pipeline:"
PASSAGES_RERANKED = 10


@dataclass(frozen=True, slots=True)
class TaskWanted:
    """`amalfa/NAME`: this task over the notes."""

    name: str


@dataclass(frozen=True, slots=True)
class ModelWanted:
    """The caller's own messages, for the model `wish_model`; None leaves the choice to the policy."""

    wish_model: str | None


Wanted = TaskWanted | ModelWanted


class ModelNotFound(NotFound):
    """A model name that can name nothing here."""

    code = "model_not_found"


class Spoken(Made):
    """What a task has to say to a caller who knows only text."""

    text: str


def wanted_model(name: str, pipelines: Collection[str] = ()) -> Wanted:
    """What a model name stands for; `pipelines` are those there are, which answer to their bare names too.

    A tag `:latest`, which some clients put behind every name, is no part of a name of this house. Raises
    ModelNotFound for the name of a task or a pipeline that there is not.
    """
    plain = name.strip()
    own, slash, task = plain.removesuffix(":latest").partition("/")
    if own == HOUSE_NAME and slash:
        if task in CATALOG:
            return TaskWanted(task)
        raise ModelNotFound(f"There is no model {plain!r}.", hint=f"use one of {', '.join(house_names(pipelines))}")
    if plain.startswith(PIPELINE) and plain.removeprefix(PIPELINE) not in pipelines:
        raise ModelNotFound(f"There is no pipeline {plain!r}.", hint=f"use one of {', '.join(house_names(pipelines))}")
    if plain == "auto" or own == HOUSE_NAME == plain.removesuffix(":latest"):
        return ModelWanted(None)
    return ModelWanted(PIPELINE + plain if plain in pipelines else plain)


def house_names(pipelines: Collection[str] = ()) -> list[str]:
    """The names that are no single model's: the policy, each task, each pipeline."""
    return [HOUSE_NAME, *(f"{HOUSE_NAME}/{task}" for task in CATALOG), *(PIPELINE + name for name in pipelines)]


async def run_task_for_messages(
    task: str,
    messages: tuple[Message, ...],
    desk: Desk,
    terms: Terms,
    emit: Emit,
    *,
    schema: JsonSchema | None = None,
) -> Outcome[Spoken]:
    """Run one task on the last message of the user; its emitted pieces together are the whole text.

    The message is a question, or a JSON object that is the task's input as `POST /sonar/tasks/{task}` takes it. An
    answer is followed by its sources, `extract` gives its value as JSON, any other output is JSON as it is. `schema` is
    what `extract` fills when the message does not bring one. Raises UsageProblem for messages that make no input.
    """
    given, terms = await _input(task, messages, desk, terms, schema)
    heard: list[str] = []

    async def listen(step: Step) -> None:
        if isinstance(step, Delta):
            heard.append(step.text)
        await emit(step)

    outcome = await CATALOG[task].run(given, replace(desk, conversations=_Forgetful()), terms, listen)
    text, ending = _spoken(outcome.output, "".join(heard))
    if ending:
        await emit(Delta(ending))
    return Outcome(Spoken(text=text), outcome.route, outcome.usage, outcome.privacy)


class _Forgetful:
    """No conversations: a caller who sends the whole past with every message keeps it as well."""

    async def recall(self, session: str) -> tuple[Turn, ...]:
        return ()

    async def add(self, session: str, turns: Sequence[Turn], *, at: datetime) -> None:
        pass

    async def latest(self) -> str | None:
        return None


async def _input(
    task: str, messages: tuple[Message, ...], desk: Desk, terms: Terms, schema: JsonSchema | None
) -> tuple[Any, Terms]:
    """The task's input, and the terms with the privacy of the notes that went into it."""
    last = next((place for place in reversed(range(len(messages))) if messages[place].role == "user"), None)
    if last is None or not messages[last].content.strip():
        raise UsageProblem(f"{task} needs a message of the user.", hint="send one with the role user and some text")
    said = messages[last].content
    kind = CATALOG[task].given
    if (whole := _as_object(said)) is not None and task != "chat":
        return read_body(kind, whole), terms
    match task:
        case "chat":
            return read_body(kind, {"messages": [*_past(messages[:last]), {"role": "user", "content": said}]}), terms
        case "analyze":
            return read_body(kind, {"query": said}), terms
        case "metadata":
            return read_body(kind, {"text": said}), terms
        case "extract":
            if schema is None:
                hint = 'ask for a JSON schema, or send {"text": …, "schema": …} as the message'
                raise UsageProblem("extract needs a JSON Schema to fill.", hint=hint)
            return read_body(kind, {"text": said, "schema": dict(schema)}), terms
        case "snippet" | "rerank":
            return await _found(task, said, desk, terms)
        case _:
            return read_body(kind, {"question": said}), terms


def _as_object(text: str) -> dict[str, object] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _past(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    """What was said before, as far as the task remembers: turns of the two speakers, the newest of them."""
    spoken = [one for one in messages if one.role in ("user", "assistant") and one.content.strip()]
    return [{"role": one.role, "content": one.content[:QUERY_MAX_CHARACTERS]} for one in spoken[-(MESSAGES_MAX - 1) :]]


async def _found(task: str, query: str, desk: Desk, terms: Terms) -> tuple[Any, Terms]:
    """The input of a task on found passages. Raises NotFound without any."""
    evidence = await desk.notes.retrieve(query[:QUERY_MAX_CHARACTERS], k=PASSAGES_RERANKED)
    passages = evidence.passages
    if not passages:
        raise NotFound(f"The notes hold nothing for {task}.", hint="ask for something that stands in the notes")
    if task == "snippet":
        return read_body(CATALOG[task].given, {"query": query, "path": passages[0].path}), terms
    results = [Result(id=one.place, content=one.text[:20_000], score=one.score) for one in passages]
    narrower = replace(terms, privacy=strictest((terms.privacy, privacy_of_passages(passages))))
    return read_body(CATALOG[task].given, {"query": query, "results": results}), narrower


def _spoken(output: Made, heard: str) -> tuple[str, str]:
    """The whole text of an output, and what of it is still to be said after `heard`."""
    match output:
        case GroundedOutput(refused=True):
            titles = ", ".join(f"{note.title or note.path} ({note.path})" for note in output.nearest)
            text = f"The notes do not say: {output.reason}." + (f" Nearest notes: {titles}." if titles else "")
        case GroundedOutput(answer=answer, citations=citations) | ChatOutput(message=answer, citations=citations):
            text = answer + source_list(citations, {})
            if heard.strip():
                # Citations are counted anew once they are checked; what was sent already keeps the model's numbers.
                return text, source_list(citations, labels_in(heard, answer))
        case ExtractOutput(value=value):
            text = json.dumps(value, ensure_ascii=False)
        case _:
            text = output.model_dump_json()
    return text, text.removeprefix(heard)
