"""metadata: what a note is about, who it is for, and which other notes go with it."""

from typing import Literal

from pydantic import Field, model_validator

from amalfa.calls import Material, Passage, PrivacyClass, strictest
from amalfa.errors import BadReply
from amalfa.execution.reading import Reading
from amalfa.execution.steps import Emit, Phase
from amalfa.knowledge.front_matter_write import as_its_author_wrote_it
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.founded import Sieve, Wording
from amalfa.tasks.prompts import JSON_ONLY, QUOTED, conversation, quoted, shortened
from amalfa.tasks.structured import Question, ask_model
from amalfa.tasks.task import DESCRIBED_MAX_CHARACTERS, TEXT_MAX_CHARACTERS, Given, Made, Outcome

RELATED_OFFERED = 8
KEYWORDS_LEAST, KEYWORDS_MOST = 3, 8
SENTENCES_MOST = 3
# A shorter note may not have three words that are worth searching for.
WORDS_LEAST = 12

SYSTEM = f"""You describe technical notes for a catalogue. {QUOTED} {JSON_ONLY}
title: the note's own title, or a short one that fits. summary: one to three sentences. keywords: three to eight words \
or names that occur in the note. themes: broad subjects.
doc_type: guide (how to), reference (facts to look up), conceptual (explains), implementation (how a thing is built), \
architecture (how parts fit), log (dated entries), other.
technical_depth: deep, medium or shallow. audience: developer, user, architect or general.
entities: products, people, commands, files named in the note.
related_docs: paths from the list of other notes that a reader of this one would want; none when none fits."""


class MetadataInput(Given):
    """A note by its path below the project root, or any text."""

    path: str | None = Field(default=None, min_length=1, max_length=1_000)
    text: str | None = Field(default=None, min_length=1, max_length=TEXT_MAX_CHARACTERS)

    @model_validator(mode="after")
    def _one_of_both(self) -> "MetadataInput":
        if (self.path is None) == (self.text is None):
            raise ValueError("give either path or text")
        return self


class MetadataOutput(Made):
    title: str = Field(min_length=1, max_length=300)
    summary: str = Field(min_length=1, max_length=1_500)
    keywords: list[str] = Field(min_length=KEYWORDS_LEAST, max_length=KEYWORDS_MOST)
    themes: list[str] = Field(max_length=10)
    doc_type: Literal["guide", "reference", "conceptual", "implementation", "architecture", "log", "other"]
    technical_depth: Literal["deep", "medium", "shallow"]
    audience: Literal["developer", "user", "architect", "general"]
    entities: list[str] = Field(max_length=30)
    related_docs: list[str] = Field(max_length=RELATED_OFFERED)


class Metadata:
    name = "metadata"
    given = MetadataInput
    made = MetadataOutput

    async def run(self, given: MetadataInput, desk: Desk, terms: Terms, emit: Emit) -> Outcome[MetadataOutput]:
        deadline_s = desk.deadline_s(self.name, terms)
        await emit(Phase("reading"))
        path = given.path or ""
        text = given.text if given.text is not None else await desk.notes.read(path)
        privacy = desk.notes.privacy_of(path, text)
        text = as_its_author_wrote_it(text)  # its earlier description would be described, and found in the note
        others = await self._neighbours(path, text, desk, privacy)
        offered = tuple(dict.fromkeys(passage.path for passage in others))
        listed = "\n".join(offered) or "(none)"
        body = f"{quoted('note', shortened(text, DESCRIBED_MAX_CHARACTERS))}\n\n{quoted('other notes', listed)}"
        question: Question[MetadataOutput, MetadataOutput] = Question(
            task=self.name,
            messages=conversation(SYSTEM, f"Path: {path or '(none)'}\n\n{body}"),
            material=Material(passages=others, documents=((path, text),), quoted=(path,) if path else ()),
            reply=MetadataOutput,
            check=lambda output: founded(output, f"{path}\n{text}", offered),
            privacy=privacy,
        )
        answer = await ask_model(question, desk, terms, emit, deadline_s)
        return Outcome(answer.value, answer.route, answer.usage)

    async def _neighbours(self, path: str, text: str, desk: Desk, privacy: PrivacyClass) -> tuple[Passage, ...]:
        """Passages of other notes on the same subject, none stricter than this note: its class decides the call's."""
        evidence = await desk.notes.retrieve(shortened(text, 300), k=RELATED_OFFERED + 2)
        others = (passage for passage in evidence.passages if passage.path != path)
        return tuple(other for other in others if strictest((other.privacy, privacy)) is privacy)[:RELATED_OFFERED]


def founded(output: MetadataOutput, note: str, offered: tuple[str, ...]) -> Reading[MetadataOutput]:
    """The description without what the note does not hold and without notes that were not offered.

    Raises BadReply for a title or summary that is none, and when too few keywords stand in the note.
    """
    _check_sentences(output)
    wording, sieve = Wording(note), Sieve()
    kept = output.model_copy(
        update={
            "keywords": _keywords(output.keywords, wording, sieve),
            "themes": sieve.kept(output.themes),
            "entities": sieve.kept(output.entities, wording.names),
            "related_docs": sieve.kept(output.related_docs, lambda path: path in offered),
        }
    )
    return Reading(kept, sieve.repairs)


def _check_sentences(output: MetadataOutput) -> None:
    from amalfa.providers.embedded.sentences import sentences_of  # patterns that a starting daemon leaves for later

    if not output.title.strip():
        raise BadReply("title is empty.")
    count = len(sentences_of(output.summary))
    if not 1 <= count <= SENTENCES_MOST:
        raise BadReply(f"summary has {count} sentences; write one to {SENTENCES_MOST}.")


def _keywords(offered: list[str], wording: Wording, sieve: Sieve) -> list[str]:
    """The keywords that stand in the note; all of them for a note too short to hold as many as are asked for."""
    found = list(filter(wording.speaks_of, offered))
    if len({word.casefold() for word in found}) >= KEYWORDS_LEAST:
        return sieve.kept(offered, wording.speaks_of)
    if wording.word_count < WORDS_LEAST:
        return offered
    # By their places, as an error is logged and shown, and what a model says of a private note is private.
    strays = ", ".join(str(place) for place, word in enumerate(offered, start=1) if word not in found)
    raise BadReply(
        f"At least {KEYWORDS_LEAST} different keywords must occur in the note, word for word."
        f" Those that do not, counted from 1: {strays or 'none'}."
    )
