"""Sentences that state no fact a question asks for, but use the words that the facts are told with."""

from random import Random

from benchmarks.world.sheet import Sheet

_SUBJECTS = (
    "The finance desk",
    "The facilities team",
    "The night shift",
    "Whoever is on call",
    "The steering group",
    "A reader of an older version",
    "The audit",
    "Procurement",
    "The archive group",
    "The people downstairs",
)
_VERBS = (
    "asked for a clearer wording of",
    "keeps its own list for",
    "wants to be told about changes to",
    "has no opinion on",
    "reviewed the template for",
    "sent a reminder about",
    "found two typing errors in the page on",
    "would like a picture next to",
    "suggested a shorter form for",
    "once mixed up the tables on",
)
# The very words the facts use: a search that only counts words will stop here.
_MATTERS = (
    "budgets and cost centres",
    "deadlines in general",
    "rack labels",
    "phone extensions",
    "backup windows",
    "parking bays and badges",
    "invoice amounts",
    "oven temperatures",
    "sample sizes",
    "travel bookings",
    "kickoff dates",
    "memory and disk orders",
    "contract numbers",
    "attendance lists",
    "the naming of servers",
    "project leads",
    "learning rates",
    "resting times",
)
_ENDS = (
    "",
    " last spring",
    ", without result",
    ", and nobody objected",
    "; the page will be split some day",
    ", as every year",
    " before the summer break",
    ", which is fine",
    "; see the wiki for the rules",
    ", but only for new entries",
)


def sentence(rng: Random) -> str:
    return f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} {rng.choice(_MATTERS)}{rng.choice(_ENDS)}."


def paragraph(rng: Random, sentences: int) -> str:
    return " ".join(sentence(rng) for _ in range(sentences))


def pad(sheet: Sheet, rng: Random, *, characters: int) -> None:
    """Append a section of remarks until the note has about `characters` characters."""
    have = sum(len(line) + 1 for line in sheet.lines)
    if have >= characters:
        return
    sheet.heading("Remarks")
    while have < characters:
        text = paragraph(rng, rng.randint(2, 5))
        sheet.add(text, "")
        have += len(text) + 2
