"""rerank: how relevant each of some search results is to a query."""

from pydantic import BaseModel, Field, field_validator

from amalfa.calls import Material
from amalfa.errors import BadReply
from amalfa.execution.reading import Reading
from amalfa.execution.steps import Emit
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.founded import DUPLICATE, UNFOUNDED, Sieve
from amalfa.tasks.prompts import JSON_ONLY, QUOTED, conversation, quoted, shortened
from amalfa.tasks.structured import Question, ask_model
from amalfa.tasks.task import QUERY_MAX_CHARACTERS, Given, Made, Outcome

RESULTS_MAX = 50
RESULT_SHOWN_CHARACTERS = 800

# The list stands inside an object: constrained decoders can only be held to an object at the root.
SYSTEM = f"""You judge search results. {QUOTED} {JSON_ONLY}
results: one entry for every id you are given, each id once. relevance: 0 (no use) to 1 (answers the query). \
reason: a few words."""


class Result(Given):
    id: str = Field(min_length=1, max_length=300)
    content: str = Field(max_length=20_000)
    score: float = 0.0


class RerankInput(Given):
    query: str = Field(min_length=1, max_length=QUERY_MAX_CHARACTERS)
    results: list[Result] = Field(min_length=1, max_length=RESULTS_MAX)

    @field_validator("results")
    @classmethod
    def _distinct(cls, results: list[Result]) -> list[Result]:
        if len({result.id for result in results}) < len(results):
            raise ValueError("each id may occur once")
        return results


class Ranked(Made):
    id: str
    relevance: float = Field(ge=0, le=1)
    reason: str = Field(max_length=500)


class RerankReply(BaseModel):
    results: list[Ranked]


class RerankOutput(Made):
    """Every id once, most relevant first; equals keep the order they came in."""

    results: list[Ranked]


class Rerank:
    name = "rerank"
    given = RerankInput
    made = RerankOutput

    async def run(self, given: RerankInput, desk: Desk, terms: Terms, emit: Emit) -> Outcome[RerankOutput]:
        shown = "\n\n".join(quoted(one.id, shortened(one.content, RESULT_SHOWN_CHARACTERS)) for one in given.results)
        question: Question[RerankReply, RerankOutput] = Question(
            task=self.name,
            messages=conversation(SYSTEM, f"{shown}\n\n{quoted('query', given.query)}"),
            material=Material(question=given.query, documents=tuple((one.id, one.content) for one in given.results)),
            reply=RerankReply,
            check=lambda reply: complete(reply, [one.id for one in given.results]),
        )
        answer = await ask_model(question, desk, terms, emit, desk.deadline_s(self.name, terms))
        return Outcome(answer.value, answer.route, answer.usage)


def complete(reply: RerankReply, ids: list[str]) -> Reading[RerankOutput]:
    """Every id once. Raises BadReply when one is missing or was judged in two ways.

    Ids that nobody gave are left out, and so is an entry that is only repeated.
    """
    sieve = Sieve()
    judged: dict[str, Ranked] = {}
    for ranked in reply.results:
        if ranked.id not in ids:
            sieve.note(UNFOUNDED)
        elif judged.setdefault(ranked.id, ranked) is not ranked:
            _check_same(judged[ranked.id], ranked)
            sieve.note(DUPLICATE)
    missing = [wanted for wanted in ids if wanted not in judged]
    if missing:
        raise BadReply(f"Every id must occur exactly once; missing: {', '.join(missing)}.")
    # Sorting keeps the order of equals.
    results = sorted((judged[wanted] for wanted in ids), key=lambda ranked: -ranked.relevance)
    return Reading(RerankOutput(results=results), sieve.repairs)


def _check_same(first: Ranked, second: Ranked) -> None:
    if first.relevance != second.relevance:
        raise BadReply(f"Every id must occur exactly once; {first.id} has two relevances.")
