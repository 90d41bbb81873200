"""A completion as other programs ask for it: their own messages to a model, with nothing of the notes added.

It runs under the settings of the task chat, and under the same rules of privacy, money and fallback as every call.
The embedded engine only quotes, so where nothing else is left it is asked for an answer out of the notes instead.
"""

import json
from dataclasses import dataclass, replace
from functools import partial

from amalfa.calls import EXTRACTIVE, Answer, JsonSchema, Material, PrivacyClass, Prompt, Usage
from amalfa.errors import BadReply, NoProvider
from amalfa.execution.reading import Read, Reading, unread
from amalfa.execution.steps import Delta, Emit, Step
from amalfa.messages import PLAIN_SAMPLING, Message, Sampling, Tools
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.extract import value_reader
from amalfa.tasks.grounded import GroundedOutput, left_elsewhere
from amalfa.tasks.object_root import with_object_root
from amalfa.tasks.source_list import source_list
from amalfa.tasks.synthesize import Synthesize, SynthesizeInput
from amalfa.tasks.task import QUERY_MAX_CHARACTERS, Outcome

TASK = "chat"


@dataclass(frozen=True, slots=True)
class Completion:
    """What is asked for. `max_tokens` and `temperature` None: as configured for chat.

    `schema` None means free text. Otherwise the reply has to be valid against it; its root is an object, and whoever
    brings it has looked it over.
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

    When of all models only the embedded engine is left, the answer is what it quotes from the notes for the last
    words of the user, with the places; without such words, with a schema or with tools NoProvider is raised.
    """
    if terms.wish.model == str(EXTRACTIVE):
        refusal = NoProvider(
            f"{EXTRACTIVE} quotes from the notes, and they hold no answer to this.", hint="ask a model instead"
        )
        return await _quoted(wanted, desk, terms, emit, is_live=is_live, failure=refusal)
    rules = desk.rules[TASK]
    prompt = Prompt(
        messages=wanted.messages,
        # Nothing that an engine which reads no prompts could answer from; it declines.
        material=Material(),
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
    try:
        return await (desk.executor.tell if is_live else desk.executor.ask)(call, emit, read=read)
    except NoProvider as failure:
        if not _has_engine_declined(failure):
            raise
        return await _quoted(wanted, desk, terms, emit, is_live=is_live, failure=failure)


def text_of(answer: Answer[object]) -> str:
    """The reply as it is sent: as it was written, or its value as JSON where that is not what was written."""
    if answer.value is None or (not answer.route.repairs and _is_json_of(answer.text, answer.value)):
        return answer.text
    return json.dumps(answer.value, ensure_ascii=False)


def _is_json_of(text: str, value: object) -> bool:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return found == value


def _reader(schema: JsonSchema | None, *, is_live: bool) -> Read[object]:
    if schema is None:
        return _plain
    return partial(_as_written, schema) if is_live else value_reader(schema, with_object_root(schema))


def _plain(text: str) -> Reading[object]:
    return unread(text)


def _as_written(schema: JsonSchema, text: str) -> Reading[object]:
    """The value of a reply whose listener has heard every character: nothing of it can be mended any more."""
    from amalfa.execution.structured.schema import validate

    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadReply("The reply is not JSON.") from None
    try:
        validate(value, schema)
    except BadReply as problem:
        problem.gate = "schema"
        raise
    return Reading(value)


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _has_engine_declined(failure: NoProvider) -> bool:
    """Whether the rules allowed the embedded engine, so that it was asked last and declined."""
    attempts = failure.route.attempts if failure.route else ()
    return any(attempt.model == str(EXTRACTIVE) for attempt in attempts)


async def _quoted(
    wanted: Completion, desk: Desk, terms: Terms, emit: Emit, *, is_live: bool, failure: NoProvider
) -> Answer[object]:
    """What the embedded engine quotes from the notes. Raises `failure` when they hold no answer, or JSON is wanted."""
    question = _last_words(wanted.messages)[:QUERY_MAX_CHARACTERS]
    is_beyond_it = wanted.schema is not None or wanted.tools is not None or terms.wish.prefer == "cloud"
    if is_beyond_it or not question.strip():
        raise failure

    async def listen(step: Step) -> None:
        # Whether it is an answer is known at its end, which is near: this engine takes milliseconds.
        if not isinstance(step, Delta):
            await emit(step)

    # Nobody asked for the notes to be sent anywhere.
    engine = replace(terms, wish=replace(terms.wish, model=str(EXTRACTIVE), prefer="local"))
    outcome = await Synthesize().run(SynthesizeInput(question=question), desk, engine, listen)
    if not outcome.output.citations:
        raise failure
    text = outcome.output.answer + source_list(outcome.output.citations, {})
    if is_live:
        await emit(Delta(text))
    return _in_all(text, outcome, failure)


def _in_all(text: str, outcome: Outcome[GroundedOutput], failure: NoProvider) -> Answer[object]:
    """The answer with what the models before it cost, and what they were sent."""
    usage, route, earlier = outcome.usage, outcome.route, failure.route
    if earlier is None:
        return Answer(text, None, usage, route)
    costs = [usage.cost_usd, *(attempt.cost_usd for attempt in earlier.attempts)]
    known = [cost for cost in costs if cost is not None]
    reason = f"no model could serve, so this is quoted from the notes. {earlier.reason}"
    return Answer(
        text,
        None,
        Usage(usage.tokens_in, usage.tokens_out, sum(known) if len(known) == len(costs) else None, usage.ms),
        replace(
            route,
            reason=reason,
            task=TASK,
            candidates=earlier.candidates,
            attempts=(*earlier.attempts, *route.attempts),
            left_machine=left_elsewhere(earlier, route),
        ),
    )


def _last_words(messages: tuple[Message, ...]) -> str:
    return next((one.content for one in reversed(messages) if one.role == "user"), "")
