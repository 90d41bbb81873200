"""Questions to the tasks that reply in JSON, each with a right reply: varied texts, drawn by chance."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

NOTES = {
    "switch.md": "# Switch\n\nThe switch picks a model. The budget of the cloud is in the ledger.\n",
    "cloud.md": "# Cloud\n\nThe cloud has a rate limit; the switch knows it. The ledger counts.\n",
}

_WORDS = ("switch", "cloud", "ledger", "passage", "Größe", "naïve", "rate limit", "10 ms", "budget", "日本", "a/b")
_LINES = (
    "How the switch picks a model, step by step.",
    "See https://host/a//b?x=1#top for more; it's short.",
    "Use `make test`, then # read the log /* twice */.",
    "Costs [$0.02] {per call}: cheap, fast, local.",
    'He said "no", then left',
    "True, None and NaN stay words here",
    "ends with a colon:",
    "C:\\Users\\docs and \\d+ match",
    "Die Größe ist 10 ms; 日本 is far.",
    'Set "a": 1, "b": 2 in the file.',
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The input of one task, and a reply that is right in form and in fact."""

    task: str
    given: dict[str, object]
    reply: dict[str, object]


def asked(task: str, chance: random.Random) -> Iterator[Asked]:
    """Questions to one of `TASKS`, without end."""
    while True:
        given, reply = TASKS[task](chance)
        yield Asked(task, given, reply)


Made = tuple[dict[str, object], dict[str, object]]


def _words(chance: random.Random, low: int, high: int) -> list[str]:
    return chance.sample(_WORDS, chance.randint(low, high))


def _prose(chance: random.Random) -> str:
    return "\n".join(chance.sample(_LINES, chance.randint(1, 2)))


def _analyze(chance: random.Random) -> Made:
    names, words = _words(chance, 0, 2), _words(chance, 1, 4)
    dated = chance.random() < 0.5
    query = f"What do {', '.join((*names, *words))} mean{' since 2026-03-01' if dated else ''}?"
    filters: dict[str, object] = {"tags": [], "paths": [], "since": "2026-03-01" if dated else None, "until": None}
    return {"query": query}, {
        "intent": chance.choice(("implementation", "conceptual", "reference", "other")),
        "entities": names,
        "keywords": words,
        "technical_level": chance.choice(("high", "medium", "low")),
        "filters": filters,
        "suggested_queries": [f"{words[0]} {chance.choice(('limits', 'of a model'))}"],
    }


def _metadata(chance: random.Random) -> Made:
    words = _words(chance, 3, 6)
    title = chance.choice(_LINES[:4])
    text = f"# {title}\n\n{_prose(chance)}\n\nAbout {', '.join(words)}. The switch and the cloud share a ledger.\n"
    return {"text": text}, {
        "title": title,
        "summary": _prose(chance),
        "keywords": words,
        "themes": chance.sample(("models", "money", "limits"), chance.randint(1, 2)),
        "doc_type": chance.choice(("guide", "reference", "log")),
        "technical_depth": "medium",
        "audience": "developer",
        "entities": words[: chance.randint(1, 2)],
        "related_docs": chance.sample(list(NOTES), chance.randint(0, 2)),
    }


def _snippet(chance: random.Random) -> Made:
    lines = chance.sample(_LINES, 6)
    first = chance.randint(0, 4)
    wanted = lines[first : first + chance.randint(1, 2)]
    reply = {"snippet": "\n".join(wanted), "context": chance.choice(_LINES), "confidence": chance.choice((0.25, 0.9))}
    return {"query": "What does it say?", "text": "\n".join(lines)}, reply


def _rerank(chance: random.Random) -> Made:
    found = [{"id": f"r{at}", "content": chance.choice(_LINES)} for at in range(chance.randint(2, 5))]
    judged = [
        {"id": one["id"], "relevance": chance.choice((0.0, 0.25, 0.5, 1.0)), "reason": chance.choice(_LINES)}
        for one in found
    ]
    chance.shuffle(judged)
    return {"query": "Which limit?", "results": found}, {"results": judged}


INVOICE: dict[str, object] = {
    "type": "object",
    "properties": {
        "number": {"type": "string", "minLength": 1},
        "seller": {"type": "string"},
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD", "JPY"]},
        "is_paid": {"type": "boolean"},
        "items": {"type": "array", "items": {"type": "string"}},
        "note": {"type": ["string", "null"]},
    },
    "required": ["number", "seller", "total", "currency", "is_paid", "items", "note"],
    "additionalProperties": False,
}


def _extract(chance: random.Random) -> Made:
    reply: dict[str, object] = {
        "number": f"RE-{chance.randint(100, 999)}/a",
        "seller": chance.choice(("Größe & Co", 'O\'Neil "Tools"', "日本 GmbH")),
        "total": chance.choice((0.5, 12.25, 1_999.75)),
        "currency": chance.choice(("EUR", "USD", "JPY")),
        "is_paid": chance.random() < 0.5,
        "items": _words(chance, 1, 3),
        "note": chance.choice((None, _prose(chance))),
    }
    text = "\n".join(f"{key}: {value}" for key, value in reply.items())
    return {"text": text, "schema": INVOICE}, reply


TASKS: dict[str, Callable[[random.Random], Made]] = {
    "analyze": _analyze,
    "metadata": _metadata,
    "snippet": _snippet,
    "rerank": _rerank,
    "extract": _extract,
}
