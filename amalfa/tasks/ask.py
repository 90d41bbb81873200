"""ask: the question a person types. Search, refuse or answer, and remember the conversation."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from amalfa.calls import Passage
from amalfa.errors import UsageProblem
from amalfa.execution.steps import Emit, Phase
from amalfa.tasks.chat import new_session
from amalfa.tasks.conversations import Turn
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.grounded import Ground, GroundedOutput, answer_from, refusal
from amalfa.tasks.research import STEPS_USUAL, research
from amalfa.tasks.synthesize import GivenPassage, bring
from amalfa.tasks.task import QUERY_MAX_CHARACTERS, TEXT_MAX_CHARACTERS, Given, Made, Outcome

if TYPE_CHECKING:
    from amalfa.knowledge.retrieve import Evidence

PASSAGES_USUAL, PASSAGES_MAX = 6, 20
STDIN = "stdin"
LATEST_SESSION = "last"


class AskInput(Given):
    """A question. `context` is text the user brought along (piped input); `within` are paths or globs.

    `session` continues a conversation; "last" is the one in which something was said last. `k` is how many
    passages an answer may stand on.
    """

    question: str = Field(min_length=1, max_length=QUERY_MAX_CHARACTERS)
    context: str | None = Field(default=None, max_length=TEXT_MAX_CHARACTERS)
    task: Literal["synthesize", "research"] = "synthesize"
    within: list[str] = Field(default=[], max_length=50)
    k: int = Field(default=PASSAGES_USUAL, ge=1, le=PASSAGES_MAX)
    session: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    allowGeneral: bool = False


class AskOutput(GroundedOutput):
    session: str


class FoundPassage(Made):
    path: str
    start_line: int
    end_line: int
    heading: str
    score: float
    text: str


class ContextOutput(Made):
    """What a question would be answered from; no model is asked for it."""

    passages: list[FoundPassage]
    sufficient: bool
    reason: str | None


async def ask(given: AskInput, desk: Desk, terms: Terms, emit: Emit) -> Outcome[AskOutput]:
    """Answer a question from the notes, or refuse it; both are remembered under the outcome's session."""
    session, past = await _session(given, desk)
    outcome = await _answer(given, past, desk, terms, emit)
    said = outcome.output
    if not said.refused:
        spoken = (
            Turn("user", given.question, outcome.privacy),
            Turn("assistant", said.answer, outcome.privacy),
        )
        await desk.conversations.add(session, spoken, at=desk.clock.now())
    output = AskOutput(session=session, **{name: getattr(said, name) for name in GroundedOutput.model_fields})
    return Outcome(output, outcome.route, outcome.usage)


async def context_of(given: AskInput, desk: Desk, emit: Emit) -> ContextOutput:
    """The passages that `ask` would put before a model."""
    evidence = await _retrieve(given, (), desk, emit)
    return ContextOutput(
        passages=[found(passage) for passage in evidence.passages],
        sufficient=evidence.is_sufficient,
        reason=evidence.reason or None,
    )


def found(passage: Passage) -> FoundPassage:
    return FoundPassage(
        path=passage.path,
        start_line=passage.start_line,
        end_line=passage.end_line,
        heading=passage.heading,
        score=round(passage.score, 4),
        text=passage.text,
    )


async def _session(given: AskInput, desk: Desk) -> tuple[str, tuple[Turn, ...]]:
    if given.session is None:
        return new_session(), ()
    session = await desk.conversations.latest() if given.session == LATEST_SESSION else given.session
    if session is None:
        raise UsageProblem("There is no conversation to continue.", hint="ask without --continue first")
    return session, await desk.conversations.recall(session)


async def _answer(
    given: AskInput, past: tuple[Turn, ...], desk: Desk, terms: Terms, emit: Emit
) -> Outcome[GroundedOutput]:
    if given.task == "research" and not given.context:
        within = tuple(given.within)
        return await research(given.question, desk, terms, emit, max_steps=STEPS_USUAL, within=within)
    deadline_s = desk.deadline_s(given.task, terms)
    evidence = await _retrieve(given, past, desk, emit)
    brought = bring([GivenPassage(text=given.context, path=STDIN)] if given.context else [], terms.privacy)
    passages = brought.passages + (evidence.passages if evidence.is_sufficient else ())
    if not passages and not given.allowGeneral:
        return refusal(evidence, desk, terms, task=given.task)
    ground = Ground(given.question, passages, past, brought.texts, evidence.nearest, evidence.other_words)
    return await answer_from(ground, desk, terms, emit, task=given.task, deadline_s=deadline_s)


async def _retrieve(given: AskInput, past: tuple[Turn, ...], desk: Desk, emit: Emit) -> "Evidence":
    """Search for the question; one that leans on what was said before is searched together with that."""
    await emit(Phase("searching"))
    within = tuple(given.within)
    evidence = await desk.notes.retrieve(given.question, k=given.k, within=within)
    earlier = [turn.content for turn in past if turn.role == "user"]
    if evidence.is_sufficient or not earlier:
        return evidence
    return await desk.notes.retrieve(f"{earlier[-1]} {given.question}", k=given.k, within=within)
