"""research: a bounded loop of searching and reading, then a cited answer. Every step is told and returned.

The model proposes searches and picks notes to read from those it was shown; it cannot name a path of its own.
"""

from dataclasses import replace

from pydantic import BaseModel, Field

from amalfa.calls import Answer, Material, Passage
from amalfa.errors import Unserved
from amalfa.execution.steps import Emit, Phase
from amalfa.tasks.desk import Desk, Terms, privacy_of_passages
from amalfa.tasks.grounded import Ground, GroundedOutput, ResearchStep, answer_from, left_elsewhere, refusal, with_steps
from amalfa.tasks.prompts import JSON_ONLY, QUOTED, conversation, numbered
from amalfa.tasks.structured import Question, ask_model
from amalfa.tasks.task import QUERY_MAX_CHARACTERS, Given, Outcome

STEPS_MAX, STEPS_USUAL = 8, 3
QUERIES_MAX, READS_MAX = 3, 2
PASSAGES_PER_SEARCH, PASSAGES_MAX = 4, 12

# The share of the time that the steps may use; the rest belongs to the answer.
STEPS_SHARE = 0.6

SYSTEM = f"""You collect material from notes to answer a question. {QUOTED} {JSON_ONLY}
queries: at most {QUERIES_MAX} new searches for what is still missing, in the words the notes may use.
read: at most {READS_MAX} paths, taken from the passages shown, of notes worth reading further.
enough: true when the passages already answer the whole question."""


class ResearchInput(Given):
    question: str = Field(min_length=1, max_length=QUERY_MAX_CHARACTERS)
    maxSteps: int = Field(default=STEPS_USUAL, ge=1, le=STEPS_MAX)


class StepReply(BaseModel):
    queries: list[str] = Field(max_length=QUERIES_MAX)
    read: list[str] = Field(default=[], max_length=READS_MAX)
    enough: bool


class Research:
    name = "research"
    given = ResearchInput
    made = GroundedOutput

    async def run(self, given: ResearchInput, desk: Desk, terms: Terms, emit: Emit) -> Outcome[GroundedOutput]:
        return await research(given.question, desk, terms, emit, max_steps=given.maxSteps)


async def research(
    question: str, desk: Desk, terms: Terms, emit: Emit, *, max_steps: int, within: tuple[str, ...] = ()
) -> Outcome[GroundedOutput]:
    """Search, read, and answer; refuse when even the first search brings too little and no step adds to it."""
    started_s, deadline_s = desk.clock.monotonic_s(), desk.deadline_s("research", terms)
    await emit(Phase("searching"))
    evidence = await desk.notes.retrieve(question, k=PASSAGES_PER_SEARCH + 2, within=within)
    if not evidence.is_sufficient:
        return refusal(evidence, desk, terms, task="research")
    search = _Search(question, evidence.passages, within)
    steps: list[ResearchStep] = []
    answers: list[Answer[StepReply]] = []
    stop_s = started_s + (deadline_s - started_s) * STEPS_SHARE
    while len(steps) < max_steps and desk.clock.monotonic_s() < stop_s and search.has_room:
        proposed = await _propose(search, desk, terms, emit, deadline_s=stop_s)
        if proposed is None:
            break
        answers.append(proposed)
        step = await search.follow(proposed.value, desk, emit, number=len(steps) + 1)
        steps.append(step)
        if proposed.value.enough or not step.found:
            break
    ground = Ground(question, search.passages, nearest=evidence.nearest, other_words=evidence.other_words)
    outcome = await answer_from(ground, desk, terms, emit, task="research", deadline_s=deadline_s)
    return with_steps(_in_all(outcome, answers), steps)


async def _propose(
    search: "_Search", desk: Desk, terms: Terms, emit: Emit, *, deadline_s: float
) -> Answer[StepReply] | None:
    """The next step as a model sees it; None when none could say, for then the answer uses what is there."""
    question = Question(
        task="research",
        messages=conversation(SYSTEM, f"{numbered(search.passages)}\n\nQuestion: {search.question}"),
        material=Material(question=search.question, passages=search.passages),
        reply=StepReply,
        check=lambda reply: reply,
        privacy=privacy_of_passages(search.passages),
    )
    await emit(Phase("thinking about what is missing"))
    try:
        return await ask_model(question, desk, terms, emit, deadline_s)
    except Unserved:
        return None


class _Search:
    """The passages found so far, without repeats, in the order they were found."""

    def __init__(self, question: str, passages: tuple[Passage, ...], within: tuple[str, ...]) -> None:
        self.question = question
        self._within = within
        self._found = {passage.place: passage for passage in passages[:PASSAGES_MAX]}

    @property
    def passages(self) -> tuple[Passage, ...]:
        return tuple(self._found.values())

    @property
    def has_room(self) -> bool:
        return len(self._found) < PASSAGES_MAX

    async def follow(self, reply: StepReply, desk: Desk, emit: Emit, *, number: int) -> ResearchStep:
        """Do what a step asks, as far as it names notes that were shown."""
        known = {passage.path for passage in self._found.values()}
        reads = [path for path in reply.read if path in known]
        found: list[str] = []
        for query in reply.queries:
            await emit(Phase(f"step {number}: searching {query!r}"))
            found += await self._look(query, self._within, desk)
        for path in reads:
            await emit(Phase(f"step {number}: reading {path}"))
            found += await self._look(self.question, (path,), desk)
        return ResearchStep(step=number, queries=reply.queries, read=reads, found=found)

    async def _look(self, query: str, within: tuple[str, ...], desk: Desk) -> list[str]:
        evidence = await desk.notes.retrieve(query, k=PASSAGES_PER_SEARCH, within=within)
        fresh = [passage for passage in evidence.passages if passage.place not in self._found]
        room = PASSAGES_MAX - len(self._found)
        self._found |= {passage.place: passage for passage in fresh[:room]}
        return [passage.place for passage in fresh[:room]]


def _in_all(outcome: Outcome[GroundedOutput], answers: list[Answer[StepReply]]) -> Outcome[GroundedOutput]:
    """Count the steps in: their tokens, their cost (unknown if any is), and what they sent away."""
    usages = [answer.usage for answer in answers] + [outcome.usage]
    costs = [usage.cost_usd for usage in usages if usage.cost_usd is not None]
    whole = replace(
        outcome.usage,
        tokens_in=sum(usage.tokens_in or 0 for usage in usages),
        tokens_out=sum(usage.tokens_out or 0 for usage in usages),
        cost_usd=sum(costs) if len(costs) == len(usages) else None,
        ms=sum(usage.ms for usage in usages),
    )
    left = left_elsewhere(*(answer.route for answer in answers), outcome.route)
    return replace(outcome, usage=whole, route=replace(outcome.route, left_machine=left))
