"""chat: a conversation beside the notes. Each session is its own; the notes are searched for every turn."""

import secrets
from typing import Literal

from pydantic import Field

from amalfa.calls import PrivacyClass
from amalfa.execution.steps import Emit, Phase
from amalfa.tasks.conversations import Turn
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.grounded import Cited, Ground, answer_from
from amalfa.tasks.task import QUERY_MAX_CHARACTERS, Given, Made, Outcome

MESSAGES_MAX = 50
PASSAGES_USED = 4


class Said(Given):
    role: Literal["user", "assistant"]
    content: str = Field(min_length=1, max_length=QUERY_MAX_CHARACTERS)


class ChatInput(Given):
    """New messages, the last one the user's. With a `session` they continue it, without one they begin one."""

    messages: list[Said] = Field(min_length=1, max_length=MESSAGES_MAX)
    session: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")


class ChatOutput(Made):
    message: str
    session: str
    citations: list[Cited]


class Chat:
    name = "chat"
    given = ChatInput
    made = ChatOutput

    async def run(self, given: ChatInput, desk: Desk, terms: Terms, emit: Emit) -> Outcome[ChatOutput]:
        deadline_s = desk.deadline_s(self.name, terms)
        session = given.session or new_session()
        question = given.messages[-1].content
        past = await desk.conversations.recall(session)
        brought = tuple(Turn(said.role, said.content, PrivacyClass.CLOUD_OK) for said in given.messages[:-1])
        await emit(Phase("searching"))
        evidence = await desk.notes.retrieve(question, k=PASSAGES_USED)
        passages = evidence.passages if evidence.is_sufficient else ()
        ground = Ground(
            question, passages, history=(*past, *brought), nearest=evidence.nearest, other_words=evidence.other_words
        )
        outcome = await answer_from(ground, desk, terms, emit, task=self.name, deadline_s=deadline_s)
        message = outcome.output.answer or f"The notes do not say: {outcome.output.reason}."
        spoken = (*brought, Turn("user", question, outcome.privacy), Turn("assistant", message, outcome.privacy))
        await desk.conversations.add(session, spoken, at=desk.clock.now())
        output = ChatOutput(message=message, session=session, citations=outcome.output.citations)
        return Outcome(output, outcome.route, outcome.usage, outcome.privacy)


def new_session() -> str:
    """A name that no other session has and nobody can guess."""
    return secrets.token_urlsafe(9)
