"""Says what a search query is after, by wording and counts alone."""

import re
from collections.abc import Mapping
from datetime import date
from typing import TypedDict

from amalfa.providers.embedded.dates import span_in
from amalfa.providers.embedded.surface import distinct, names_in, words_in
from amalfa.providers.embedded.terms import fold

SUGGESTED_MOST = 3
NAMES_MOST = 12
KEYWORDS_MOST = 12


class Filters(TypedDict):
    """What the query itself restricts; dates as YYYY-MM-DD, None where it names none."""

    tags: list[str]
    paths: list[str]
    since: str | None
    until: str | None


class Analysis(TypedDict):
    intent: str
    entities: list[str]
    keywords: list[str]
    technical_level: str
    filters: Filters
    suggested_queries: list[str]


def analyze(query: str, today: date) -> Analysis:
    names = names_in(query, most=NAMES_MOST)
    keywords = distinct(words_in(_without_filters(query)), most=KEYWORDS_MOST)
    return {
        "intent": intent_of(query),
        "entities": names,
        "keywords": keywords,
        "technical_level": technical_level_of(query),
        "filters": filters_in(query, today),
        "suggested_queries": suggestions(query, names, keywords),
    }


def intent_of(query: str) -> str:
    """The first intent whose wording the query has, else "other"."""
    folded = fold(query)
    return next((intent for intent, wording in _INTENTS.items() if wording.search(folded)), "other")


_INTENTS: Mapping[str, re.Pattern[str]] = {
    "troubleshooting": re.compile(
        r"\b(?:error|errors|fail\w*|crash\w*|broken|bug|traceback|exception|stuck|hangs?|refused"
        r"|denied|timeout|timed out|wrong|(?:does|do|did|is|are|was|can)(?: not|n't|n’t)|cannot|unable"
        r"|troubleshoot\w*|fix\w*|debug\w*|fehler|erreur|panne|fallo)\b|エラー|失敗|错误|失败|오류"
    ),
    "example": re.compile(
        r"\b(?:examples?|samples?|snippets?|demo|template|show me|beispiele?|exemples?|ejemplos?)\b|例|サンプル|예시"
    ),
    "implementation": re.compile(
        r"\bhow (?:do|can|to|should|would|does one)\b|\b(?:implement\w*|build|integrate|set ?up|configure|install"
        r"|migrate|deploy|enable|disable|switch|write a|add an?)\b"
        r"|\b(?:wie kann|wie mache|comment faire|como (?:puedo|hacer))\b|方法|どうやって|怎么|방법"
    ),
    "conceptual": re.compile(
        r"\bwhy\b|\bexplain\b|\bhow (?:does|is|are) \b|\bdifference\b|\bconcept\w*|\boverview\b"
        r"|\b(?:versus|vs|compare)\b|\bwhat (?:is|are) (?!the\b)|\b(?:warum|pourquoi|por que)\b|なぜ|とは|为什么|什么是"
    ),
    "reference": re.compile(
        r"\b(?:what|which|when|where|who|whose|list|default|value|option|flag|parameter|syntax|port|version)\b"
        r"|\bhow (?:many|much|long|old|often)\b"
        r"|\b(?:was|welche\w*|quel\w*|cual\w*|wann|wo|wer|combien)\b|いくつ|どこ|誰|いつ|多少|哪里|谁"
    ),
}


def technical_level_of(query: str) -> str:
    """high with code, identifiers or several terms of the trade; medium with one; else low."""
    marks = len(_CODE_LIKE.findall(query)) * 2 + len(_TRADE.findall(fold(query)))
    return "high" if marks >= 3 else "medium" if marks else "low"


_CODE_LIKE = re.compile(
    r"`[^`]+`|\w+\(\)|\w+_\w+|\b[a-z]+[A-Z]\w*|--\w[\w-]+|\b\w+\.\w+\.\w+|\b(?:[A-Z]{2,}-)?[A-Z]+\d{2,}\b|/\w+/\w+"
)
_TRADE = re.compile(
    r"\b(?:api|async\w*|cache\w*|class|client|cluster|command|compil\w*|concurren\w*|config\w*|container|cpu|daemon|database|deploy\w*"
    r"|docker|endpoint|env\w*|function|git|gpu|http\w*|index\w*|json|kernel|kubernetes|latency|log\w*|memory|model|mutex|network|parser"
    r"|port|process|protocol|proxy|python|query|queue|regex|rust|schema|script|server|shell|socket|sql\w*|ssh|ssl|stack|stream\w*|tcp"
    r"|test\w*|thread\w*|timeout|tls|token\w*|unix|url|vector\w*|yaml)\b"
)


def filters_in(query: str, today: date) -> Filters:
    span = span_in(query, today)
    return {
        "tags": distinct([*_HASH_TAG.findall(query), *_NAMED_TAG.findall(query)], most=20),
        "paths": distinct([*_PATH.findall(query), *_FOLDER.findall(query)], most=20),
        "since": span.since.isoformat() if span.since else None,
        "until": span.until.isoformat() if span.until else None,
    }


_HASH_TAG = re.compile(r"(?<![\w#&/])#([^\W\d_][\w/-]*)")
_NAMED_TAG = re.compile(r"\b(?:tags?:|tagged(?: with| as)?|with (?:the )?tag)\s*[\"'#]?([\w/-]+)", re.IGNORECASE)
_PATH = re.compile(
    r"(?:\b(?:path|in):\s*)?(?<![\w:/.])((?:[\w.*-]+/)+[\w.*-]*|[\w*-]+\.(?:md|markdown|txt)|\*\.\w+)(?![\w/])"
)
_FOLDER = re.compile(r"\b(?:in|under|inside|from) (?:the )?([\w-]+) (?:folder|directory)\b", re.IGNORECASE)


def _without_filters(query: str) -> str:
    return _NAMED_TAG.sub(" ", _HASH_TAG.sub(" ", query))


def suggestions(query: str, names: list[str], keywords: list[str]) -> list[str]:
    """Other wordings of the same search: its keywords, its names with what is asked of them, its names alone."""
    asked = [word for word in keywords if not any(fold(word) in fold(name) for name in names)]
    offers = [" ".join(keywords), " ".join([*names, *asked[:2]]), " ".join(names), " ".join(asked)]
    given = fold(query).strip(" ?!.")
    return [offer for offer in distinct_phrases(offers) if fold(offer) != given][:SUGGESTED_MOST]


def distinct_phrases(phrases: list[str]) -> list[str]:
    """The phrases that are not empty, each once whatever its case."""
    return list({fold(phrase): phrase for phrase in reversed(phrases) if phrase.strip()}.values())[::-1]
