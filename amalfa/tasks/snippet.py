"""snippet: the lines of a text that best match a query, verbatim, with where they stand."""

from dataclasses import dataclass

from pydantic import BaseModel, Field, model_validator

from amalfa.calls import Material
from amalfa.errors import BadReply
from amalfa.execution.steps import Emit, Phase
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.prompts import JSON_ONLY, QUOTED, conversation, quoted, shortened
from amalfa.tasks.structured import Question, ask_model
from amalfa.tasks.task import (
    DESCRIBED_MAX_CHARACTERS,
    QUERY_MAX_CHARACTERS,
    TEXT_MAX_CHARACTERS,
    Given,
    Made,
    Outcome,
)

SNIPPET_MAX_CHARACTERS = 4_000

SYSTEM = f"""You pick the passage of a text that best answers a query. {QUOTED} {JSON_ONLY}
snippet: whole lines copied from the text exactly as they stand, as few as answer the query.
context: one sentence on why it matches. confidence: 0 to 1."""


class SnippetInput(Given):
    """A query, and the note (by its path) or the text to look into."""

    query: str = Field(min_length=1, max_length=QUERY_MAX_CHARACTERS)
    path: str | None = Field(default=None, min_length=1, max_length=1_000)
    text: str | None = Field(default=None, min_length=1, max_length=TEXT_MAX_CHARACTERS)

    @model_validator(mode="after")
    def _one_of_both(self) -> "SnippetInput":
        if (self.path is None) == (self.text is None):
            raise ValueError("give either path or text")
        return self


class SnippetReply(BaseModel):
    """What a model says; where the snippet stands is for code to find."""

    snippet: str = Field(min_length=1, max_length=SNIPPET_MAX_CHARACTERS)
    context: str = Field(max_length=1_000)
    confidence: float = Field(ge=0, le=1)


class SnippetOutput(Made):
    """`snippet` is exactly lines `start_line` to `end_line` of the text, counted from 1."""

    snippet: str
    context: str
    confidence: float
    start_line: int
    end_line: int


class Snippet:
    name = "snippet"
    given = SnippetInput
    made = SnippetOutput

    async def run(self, given: SnippetInput, desk: Desk, terms: Terms, emit: Emit) -> Outcome[SnippetOutput]:
        deadline_s = desk.deadline_s(self.name, terms)
        await emit(Phase("reading"))
        path = given.path or ""
        text = given.text if given.text is not None else await desk.notes.read(path)
        shown = shortened(text, DESCRIBED_MAX_CHARACTERS)
        question = Question(
            task=self.name,
            messages=conversation(SYSTEM, f"{quoted('text', shown)}\n\n{quoted('query', given.query)}"),
            material=Material(question=given.query, documents=((path, text),), quoted=(path,) if path else ()),
            reply=SnippetReply,
            check=lambda reply: _placed(reply, text),
            privacy=desk.notes.privacy_of(path, text),
        )
        answer = await ask_model(question, desk, terms, emit, deadline_s)
        return Outcome(answer.value, answer.route, answer.usage)


def _placed(reply: SnippetReply, text: str) -> SnippetOutput:
    span = find_lines(reply.snippet, text.splitlines())
    if span is None:
        raise BadReply("The snippet does not stand in the text. Copy whole lines exactly.")
    lines = text.splitlines()[span.start - 1 : span.end]
    return SnippetOutput(
        snippet="\n".join(lines),
        context=reply.context,
        confidence=reply.confidence,
        start_line=span.start,
        end_line=span.end,
    )


@dataclass(frozen=True, slots=True)
class Span:
    """Lines from `start` to `end`, both counted from 1 and both included."""

    start: int
    end: int


def find_lines(wanted: str, lines: list[str]) -> Span | None:
    """The first lines that hold `wanted`, blanks and line breaks aside; None when nothing does."""
    target = " ".join(wanted.split())
    flat, starts = "", []
    for line in lines:
        words = " ".join(line.split())
        starts.append(len(flat))
        flat += f"{words} " if words else ""
    found = flat.find(target) if target else -1
    if found < 0:
        return None
    last = found + len(target) - 1
    return Span(_line_at(starts, found), _line_at(starts, last))


def _line_at(starts: list[int], offset: int) -> int:
    """The number of the line that covers `offset`; of several lines that start there (empty ones), the last."""
    return sum(1 for start in starts if start <= offset)
