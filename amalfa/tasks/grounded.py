"""An answer that stands on passages: the prompt, the refusal protocol, and the checked citations.

`synthesize`, `research`, `chat` and `ask` all end here; they differ in how they come by the passages.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio.to_thread
from pydantic import Field

from amalfa.calls import Answer, LeftMachine, Material, Passage, Prompt, Route, Tier, Usage, strictest
from amalfa.execution.reading import unread
from amalfa.execution.steps import Delta, Emit, Phase, Step
from amalfa.messages import Message
from amalfa.tasks.conversations import Turn
from amalfa.tasks.desk import Desk, Terms, privacy_of_passages
from amalfa.tasks.prompts import QUOTED, REFUSAL_MARK, numbered
from amalfa.tasks.task import Made, Outcome

if TYPE_CHECKING:
    from amalfa.knowledge.cite import CitedAnswer
    from amalfa.knowledge.retrieve import Evidence

# More than this is checked in a thread of its own, so that nobody else waits for it.
CHECKED_ON_LOOP_MAX_CHARACTERS = 20_000

SYSTEM = f"""You answer questions from the user's own notes. {QUOTED}
Use only what the notes say. After each sentence put the number of the note it rests on in brackets, like [1].
Where it helps, copy the deciding words between double quotes, exactly as they stand.
Where notes disagree, say so and give their dates. Be short; write Markdown.
If the notes do not hold the answer, reply {REFUSAL_MARK} and one sentence on what is missing, nothing else."""

GENERAL_SYSTEM = """You answer briefly, in Markdown. The user's notes hold nothing on this. Answer in general terms; \
say when you are not sure."""


class Cited(Made):
    """A quote and where it stands; `verified` means that code found it in those lines."""

    n: int
    path: str
    start_line: int
    end_line: int
    quote: str
    verified: bool
    heading: str = ""


class Nearby(Made):
    path: str
    title: str


class ResearchStep(Made):
    """One round of a research: what was searched and read, and the places that were new."""

    step: int
    queries: list[str]
    read: list[str]
    found: list[str]


class GroundedOutput(Made):
    """An answer with citations, or a refusal with its reason and the nearest notes.

    `dropped_citations` counts what could not be verified and was taken out. `is_general` marks an answer
    that rests on no note (`--allow-general`).
    """

    answer: str
    citations: list[Cited] = Field(default=[])
    refused: bool = False
    reason: str | None = None
    nearest: list[Nearby] = Field(default=[])
    dropped_citations: int = 0
    is_general: bool = False
    warnings: list[str] = Field(default=[])
    steps: list[ResearchStep] = Field(default=[])


@dataclass(frozen=True, slots=True)
class Ground:
    """What an answer may stand on. `texts` are passages that are no notes: path → lines, numbered from 1.

    `nearest` and `other_words` are those of the `Evidence`.
    """

    question: str
    passages: tuple[Passage, ...]
    history: tuple[Turn, ...] = ()
    texts: dict[str, list[str]] = field(default_factory=dict)
    nearest: tuple[tuple[str, str], ...] = ()
    other_words: tuple[tuple[str, tuple[str, ...]], ...] = ()


async def answer_from(
    ground: Ground, desk: Desk, terms: Terms, emit: Emit, *, task: str, deadline_s: float
) -> Outcome[GroundedOutput]:
    """Ask for an answer over the passages, and check every citation against the notes as they stand now."""
    prompt = _prompt(ground, desk, task)
    privacy = strictest((privacy_of_passages(ground.passages), *(turn.privacy for turn in ground.history)))
    call = desk.call(task, terms, prompt, deadline_s=deadline_s, privacy=privacy)
    curtain = _Curtain(emit)
    answer = await desk.executor.tell(call, curtain.emit, read=unread)
    # The call's own class, not just that of the notes: whoever recalls this turn must keep to it as well.
    return Outcome(await _finished(answer, ground, desk, curtain), answer.route, answer.usage, call.privacy)


def refusal(evidence: "Evidence", desk: Desk, terms: Terms, *, task: str) -> Outcome[GroundedOutput]:
    """The refusal before any model is asked: what was searched, and what comes nearest."""
    route = Route(
        model="",
        provider="",
        tier=Tier.EMBEDDED,
        task=task,
        strategy="",
        reason=f"no model was asked: {evidence.reason}",
        candidates=(),
        attempts=(),
        generation=desk.generation,
        request_id=terms.request_id,
    )
    reason = f"{evidence.reason.rstrip('.')} ({evidence.searched} notes searched)"
    return Outcome(_refused(reason, evidence.nearest), route, Usage(cost_usd=0.0))


def _refused(reason: str, nearest: tuple[tuple[str, str], ...]) -> GroundedOutput:
    notes = [Nearby(path=path, title=title) for path, title in nearest]
    return GroundedOutput(answer="", refused=True, reason=reason, nearest=notes)


def _prompt(ground: Ground, desk: Desk, task: str) -> Prompt:
    rules = desk.rules[task]
    system = SYSTEM if ground.passages else GENERAL_SYSTEM
    user = f"{numbered(ground.passages)}\n\nQuestion: {ground.question}" if ground.passages else ground.question
    past = tuple(turn.message for turn in ground.history)
    return Prompt(
        messages=(Message("system", system), *past, Message("user", user)),
        material=Material(ground.question, ground.passages, other_words=ground.other_words),
        max_tokens=rules.max_tokens,
        temperature=rules.temperature,
    )


async def _checked(text: str, ground: Ground, desk: Desk) -> "CitedAnswer":
    from amalfa.knowledge.cite import check_citations  # not needed before the first answer

    def check() -> "CitedAnswer":
        return check_citations(text, ground.passages, lambda path: ground.texts.get(path) or desk.notes.lines(path))

    size = sum(len(passage.text) for passage in ground.passages)
    return await anyio.to_thread.run_sync(check) if size > CHECKED_ON_LOOP_MAX_CHARACTERS else check()


async def _finished(answer: Answer[None], ground: Ground, desk: Desk, curtain: "_Curtain") -> GroundedOutput:
    text = answer.text.strip()
    if text.startswith(REFUSAL_MARK):
        said = text.removeprefix(REFUSAL_MARK).strip(" :.-\n")
        return _refused(said or "the notes found do not hold the answer", ground.nearest)
    await curtain.open()
    if not ground.passages:
        return GroundedOutput(answer=text, is_general=True)
    await curtain.emit(Phase("checking the citations"))
    checked = await _checked(text, ground, desk)
    warnings = [] if checked.citations else ["no sentence of this answer could be verified in the notes"]
    return GroundedOutput(
        answer=checked.answer,
        citations=[
            Cited(
                n=one.n,
                path=one.path,
                start_line=one.start_line,
                end_line=one.end_line,
                quote=one.quote,
                verified=one.verified,
                heading=one.heading,
            )
            for one in checked.citations
        ],
        dropped_citations=checked.dropped,
        warnings=warnings,
    )


class _Curtain:
    """Holds back the first characters of a reply until they cannot be the refusal mark any more."""

    def __init__(self, emit: Emit) -> None:
        self._listener = emit
        self._held = ""
        self._is_open = False

    async def emit(self, step: Step) -> None:
        if not isinstance(step, Delta) or self._is_open:
            await self._listener(step)
            return
        self._held += step.text
        start = self._held.lstrip()
        if not REFUSAL_MARK.startswith(start[: len(REFUSAL_MARK)]):
            await self.open()

    async def open(self) -> None:
        """Let through what was held; a reply shorter than the mark is held until its end."""
        self._is_open = True
        if self._held:
            await self._listener(Delta(self._held))
            self._held = ""


def with_steps(outcome: Outcome[GroundedOutput], steps: list[ResearchStep]) -> Outcome[GroundedOutput]:
    return replace(outcome, output=outcome.output.model_copy(update={"steps": steps}))


def left_elsewhere(*routes: Route) -> LeftMachine | None:
    """What left the machine over several calls that made one answer."""
    lefts = [route.left_machine for route in routes if route.left_machine]
    if not lefts:
        return None
    to = tuple(dict.fromkeys(model for left in lefts for model in left.to))
    notes = tuple(dict.fromkeys(note for left in lefts for note in left.notes))
    return LeftMachine(to, sum(left.tokens for left in lefts), notes)
