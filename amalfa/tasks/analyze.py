"""analyze: what a search query is after."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from amalfa.calls import Material
from amalfa.errors import BadReply
from amalfa.execution.reading import Reading
from amalfa.execution.steps import Emit
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.founded import BLANK, Sieve, Wording
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


# A format and no pattern: grammars know this one, and many do not know the classes of a pattern such as \d.
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TAG = re.compile(r"#?\w[\w/.+-]*")
_PATH = re.compile(r"(?!.*://)[^\x00-\x1f\x7f]{1,1000}")


class Filters(Made):
    """What the query itself restricts. Dates are YYYY-MM-DD."""

    tags: list[str] = Field(max_length=20)
    paths: list[str] = Field(max_length=20)
    since: Day | None = None
    until: Day | None = None


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
        question: Question[AnalyzeOutput, AnalyzeOutput] = Question(
            task=self.name,
            messages=conversation(SYSTEM, quoted("query", given.query)),
            material=Material(question=given.query),
            reply=AnalyzeOutput,
            check=lambda output: founded(output, given.query),
        )
        answer = await ask_model(question, desk, terms, emit, desk.deadline_s(self.name, terms))
        return Outcome(answer.value, answer.route, answer.usage)


def founded(output: AnalyzeOutput, query: str) -> Reading[AnalyzeOutput]:
    """The analysis without what the query does not hold. Raises BadReply for dates that are none or out of order."""
    wording, sieve = Wording(query), Sieve()
    filters = output.filters
    since, until = (_day(day, sieve) for day in (filters.since, filters.until))
    if since and until and since > until:
        raise BadReply("filters.since is later than filters.until.")
    checked = filters.model_copy(
        update={
            "tags": sieve.kept(filters.tags, lambda tag: bool(_TAG.fullmatch(tag)) and wording.names(tag)),
            "paths": sieve.kept(filters.paths, lambda path: bool(_PATH.fullmatch(path)) and wording.names(path)),
            "since": since,
            "until": until,
        }
    )
    kept = output.model_copy(
        update={
            "entities": sieve.kept(output.entities, wording.names),
            "keywords": sieve.kept(output.keywords, wording.speaks_of),
            "filters": checked,
            "suggested_queries": sieve.kept(output.suggested_queries),
        }
    )
    return Reading(kept, sieve.repairs)


def _day(day: str | None, sieve: Sieve) -> str | None:
    """A day that the calendar has; None for an empty string, which small models write for null."""
    if day is not None and not day.strip():
        sieve.note(BLANK)
        return None
    if day is not None:
        try:
            # The library reads other spellings of a date too.
            date.fromisoformat(day if _DAY.fullmatch(day) else "")
        except ValueError:
            raise BadReply("A date in filters is not a day of the calendar, written as YYYY-MM-DD.") from None
    return day
