"""analyze: what a search query is after."""

from typing import Literal

from pydantic import Field

from amalfa.calls import Material
from amalfa.execution.steps import Emit
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.prompts import JSON_ONLY, QUOTED, conversation, quoted
from amalfa.tasks.structured import Question, ask_model
from amalfa.tasks.task import QUERY_MAX_CHARACTERS, Given, Made, Outcome

Intent = Literal["implementation", "conceptual", "example", "reference", "troubleshooting", "other"]
SUGGESTED_MAX = 3

SYSTEM = f"""You analyse search queries over a folder of technical notes. {QUOTED} {JSON_ONLY}
intent: implementation (how to build or do), conceptual (what or why), example, reference (a fact, flag or number), \
troubleshooting (something fails), other.
entities: names of products, people, files, commands or settings in the query.
keywords: the words worth searching for, without small words.
technical_level: high, medium or low.
filters: tags and paths the query names outright; since and until as YYYY-MM-DD, null when the query gives no dates.
suggested_queries: at most {SUGGESTED_MAX} other wordings that search the same thing."""


class Filters(Made):
    """What the query itself restricts. Dates are YYYY-MM-DD."""

    tags: list[str] = Field(max_length=20)
    paths: list[str] = Field(max_length=20)
    since: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    until: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")


class AnalyzeInput(Given):
    query: str = Field(min_length=1, max_length=QUERY_MAX_CHARACTERS)


class AnalyzeOutput(Made):
    intent: Intent
    entities: list[str] = Field(max_length=30)
    keywords: list[str] = Field(max_length=30)
    technical_level: Literal["high", "medium", "low"]
    filters: Filters
    suggested_queries: list[str] = Field(max_length=SUGGESTED_MAX)


class Analyze:
    name = "analyze"
    given = AnalyzeInput
    made = AnalyzeOutput

    async def run(self, given: AnalyzeInput, desk: Desk, terms: Terms, emit: Emit) -> Outcome[AnalyzeOutput]:
        question = Question(
            task=self.name,
            messages=conversation(SYSTEM, quoted("query", given.query)),
            material=Material(question=given.query),
            reply=AnalyzeOutput,
            check=lambda output: output,
        )
        answer = await ask_model(question, desk, terms, emit, desk.deadline_s(self.name, terms))
        return Outcome(answer.value, answer.route, answer.usage)
