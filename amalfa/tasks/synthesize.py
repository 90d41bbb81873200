"""synthesize: a cited answer from passages the caller brings, from named notes, or from whatever the notes hold."""

from dataclasses import dataclass

from pydantic import Field

from amalfa.calls import Passage, PrivacyClass
from amalfa.execution.steps import Emit, Phase
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.grounded import Ground, GroundedOutput, answer_from, refusal
from amalfa.tasks.task import QUERY_MAX_CHARACTERS, TEXT_MAX_CHARACTERS, Given, Outcome

PASSAGES_MAX = 30
PASSAGES_USED = 6


class GivenPassage(Given):
    """A passage that the caller brings. It is cited by its `path`, or as `passage-N` without one."""

    text: str = Field(min_length=1, max_length=TEXT_MAX_CHARACTERS)
    path: str = Field(default="", max_length=1_000)
    start_line: int = Field(default=1, ge=1)
    heading: str = Field(default="", max_length=500)


class SynthesizeInput(Given):
    """With neither `passages` nor `paths`, the notes are searched."""

    question: str = Field(min_length=1, max_length=QUERY_MAX_CHARACTERS)
    passages: list[GivenPassage] = Field(default=[], max_length=PASSAGES_MAX)
    paths: list[str] = Field(default=[], max_length=PASSAGES_MAX)


class Synthesize:
    name = "synthesize"
    given = SynthesizeInput
    made = GroundedOutput

    async def run(self, given: SynthesizeInput, desk: Desk, terms: Terms, emit: Emit) -> Outcome[GroundedOutput]:
        deadline_s = desk.deadline_s(self.name, terms)
        if given.passages:
            brought = bring(given.passages, terms.privacy)
            ground = Ground(given.question, brought.passages, texts=brought.texts)
            return await answer_from(ground, desk, terms, emit, task=self.name, deadline_s=deadline_s)
        for path in given.paths:
            # A named note must exist: searching the others instead would answer another question.
            await desk.notes.read(path)
        await emit(Phase("searching"))
        evidence = await desk.notes.retrieve(given.question, k=PASSAGES_USED, within=tuple(given.paths))
        has_choice = bool(given.paths and evidence.passages)
        if not (evidence.is_sufficient or has_choice):
            return refusal(evidence, desk, terms, task=self.name)
        ground = Ground(given.question, evidence.passages, nearest=evidence.nearest, other_words=evidence.other_words)
        return await answer_from(ground, desk, terms, emit, task=self.name, deadline_s=deadline_s)


@dataclass(frozen=True, slots=True)
class Brought:
    """Passages that are no notes, and their lines for the checking of quotes."""

    passages: tuple[Passage, ...]
    texts: dict[str, list[str]]


def bring(given: list[GivenPassage], privacy: PrivacyClass) -> Brought:
    """Give every brought passage a place of its own that its citations can name, and its bringer's class."""
    passages = tuple(_named(one, number, privacy) for number, one in enumerate(given, start=1))
    texts: dict[str, list[str]] = {}
    for passage in passages:
        lines = texts.setdefault(passage.path, [])
        lines += [""] * (passage.end_line - len(lines))
        lines[passage.start_line - 1 : passage.end_line] = passage.text.splitlines() or [""]
    return Brought(passages, texts)


def _named(given: GivenPassage, number: int, privacy: PrivacyClass) -> Passage:
    last = given.start_line + max(1, len(given.text.splitlines())) - 1
    path = given.path or f"passage-{number}"
    return Passage(path, given.start_line, last, given.heading, given.text, title=path, privacy=privacy)
