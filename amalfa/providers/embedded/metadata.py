"""Describes a note by its own words: title, lead sentences, frequent terms, and what its shape tells about its kind."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypedDict

from amalfa.calls import Material, Passage
from amalfa.providers.embedded.sentences import Unit, headings_of, sentences_of, units_of, without_front_matter
from amalfa.providers.embedded.steps import links_of
from amalfa.providers.embedded.surface import distinct, names_in, words_in
from amalfa.providers.embedded.terms import fold, rarity, stem, telling, terms_of

KEYWORDS_LEAST, KEYWORDS_MOST = 3, 8
THEMES_MOST = 5
ENTITIES_MOST = 12
RELATED_MOST = 5
SUMMARY_MOST_SENTENCES = 3
SUMMARY_MOST_CHARACTERS = 420
TITLE_MOST_CHARACTERS = 200


class Description(TypedDict):
    title: str
    summary: str
    keywords: list[str]
    themes: list[str]
    doc_type: str
    technical_depth: str
    audience: str
    entities: list[str]
    related_docs: list[str]


def describe(material: Material) -> Description:
    """The metadata of the first document; related notes come from the passages' paths only."""
    path, text = material.documents[0]
    body = without_front_matter(text)
    fields = front_matter_of(text)
    units = units_of(body)
    title = title_of(path, body, fields)
    kind = doc_type_of(path, body, units)
    depth = technical_depth_of(body, units)
    return {
        "title": title,
        "summary": summary_of(units, title),
        "keywords": keywords_of(path, title, body, fields.get("tags", ())),
        "themes": themes_of(path, body, fields.get("tags", ())),
        "doc_type": kind,
        "technical_depth": depth,
        "audience": audience_of(kind, depth, units),
        "entities": names_in(_prose(body), most=ENTITIES_MOST),
        "related_docs": related_to(path, body, material.passages),
    }


def front_matter_of(text: str) -> dict[str, tuple[str, ...]]:
    """The simple fields of the `---` block: scalars as one value, lists (inline or dashed) as several."""
    head = text[: len(text) - len(without_front_matter(text))]
    fields: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in head.splitlines():
        if found := re.match(r"([\w-]+):\s*(.*)$", line):
            name = found[1].lower()
            value = found[2].strip()
            values = value.strip("[]").split(",") if value.startswith("[") else [value]
            fields[name] = tuple(one.strip(" \"'#") for one in values if one.strip(" \"'#"))
        elif name and (entry := re.match(r"\s*-\s+(.+)$", line)):
            fields[name] = (*fields[name], entry[1].strip(" \"'#"))
    return fields


def title_of(path: str, body: str, fields: Mapping[str, Sequence[str]]) -> str:
    """The front matter's title, else the first top heading, else the file's name in words, else the first words."""
    if fields.get("title"):
        return fields["title"][0][:TITLE_MOST_CHARACTERS]
    headings = headings_of(body)
    if headings:
        return min(headings, key=lambda one: one[0])[1][:TITLE_MOST_CHARACTERS]
    name = re.sub(r"\.\w+$", "", path.rsplit("/", 1)[-1])
    words = re.sub(r"[-_]+", " ", name).strip()
    return words[:1].upper() + words[1:] if words else " ".join(body.split()[:8])[:TITLE_MOST_CHARACTERS] or "Untitled"


def summary_of(units: Sequence[Unit], title: str) -> str:
    """One to three of the note's own leading sentences; its first items or the title where it has no prose."""
    prose = [
        unit.text
        for unit in units
        if unit.kind == "sentence" and len(unit.text) > 20 and unit.text[-1:] not in "?？:："
    ]
    lines = prose or [unit.text for unit in units if unit.kind in ("sentence", "item", "row")] or [title]
    chosen = lines[0][:SUMMARY_MOST_CHARACTERS]
    for line in lines[1:3]:
        if len(chosen) + len(line) < SUMMARY_MOST_CHARACTERS:
            chosen = f"{chosen} {line}"
    return " ".join(sentences_of(chosen)[:SUMMARY_MOST_SENTENCES]) or chosen


def keywords_of(path: str, title: str, body: str, tags: Sequence[str]) -> list[str]:
    """Three to eight words of the note: how often they stand there, more for title, headings and tags."""
    counts: Counter[str] = Counter()
    forms: dict[str, str] = {}
    places = ((_prose(body), 1), (title, 4), (" ".join(name for _, name in headings_of(body)), 2), (" ".join(tags), 3))
    for text, weight in places:
        for word in words_in(text):
            if not word[0].isdigit() and len(fold(word)) > (1 if not word.isascii() else 2):
                root = stem(fold(word))
                counts[root] += weight
                forms.setdefault(root, word)
    ranked = [forms[root] for root, _ in sorted(counts.items(), key=lambda one: -one[1])]
    spare = [*words_in(path.replace("-", " ").replace("/", " ")), "note", "markdown", "text"]
    fill = spare if len(distinct(ranked, most=KEYWORDS_MOST)) < KEYWORDS_LEAST else []
    found = distinct(ranked, most=KEYWORDS_MOST)
    return distinct([*found, *fill], most=KEYWORDS_LEAST) if fill else found


def themes_of(path: str, body: str, tags: Sequence[str]) -> list[str]:
    """Broad subjects: the note's tags, its inline tags, its folders, then its main sections."""
    inline = re.findall(r"(?<![\w#&/])#([^\W\d_][\w/-]+)", _prose(body))
    folders = [part.replace("-", " ") for part in path.split("/")[:-1] if part not in (".", "")]
    sections = [name for level, name in headings_of(body) if level == 2]
    return distinct([*tags, *inline, *folders, *sections], most=THEMES_MOST)


def doc_type_of(path: str, body: str, units: Sequence[Unit]) -> str:
    """The kind with most signs for it; "other" when nothing speaks clearly."""
    folded = fold(f"{path}\n{body}")
    lead = fold(f"{path} {' '.join(name for _, name in headings_of(body)[:12])}")
    scores = {
        kind: 2 * len(set(wording.findall(lead))) + min(4, len(wording.findall(folded)) / 3)
        for kind, wording in _KIND_WORDS.items()
    }
    share = Counter(unit.kind for unit in units)
    total = max(1, len(units))
    scores["log"] += 3 * (len(_DATED_HEADING.findall(body)) >= 2) + 2 * bool(_DATED_PATH.search(path))
    scores["reference"] += 3 * (share["row"] / total > 0.4)
    scores["guide"] += 2 * (len(_STEP.findall(body)) >= 3)
    scores["implementation"] += 2 * (len(_PROGRAM.findall(body)) >= 2)
    best = max(scores, key=lambda kind: scores[kind])
    return best if scores[best] >= 2 else "other"


_KIND_WORDS: Mapping[str, re.Pattern[str]] = {
    "guide": re.compile(
        r"\b(?:how to|guide|tutorial|getting started|install\w*|steps?|walkthrough|set ?up"
        r"|troubleshooting|manual|playbook|recipe|method)\b"
    ),
    "reference": re.compile(
        r"\b(?:reference|api|options?|parameters?|settings|commands|flags|fields|glossary|exit codes?"
        r"|cheat ?sheet|ingredients)\b"
    ),
    "conceptual": re.compile(
        r"\b(?:concepts?|overview|introduction|principles?|why|background|theory|explained|about)\b"
    ),
    "implementation": re.compile(
        r"\b(?:implementation|implements?|internals?|code|function|class|module|algorithm|patch)\b"
    ),
    "architecture": re.compile(
        r"\b(?:architecture|design|components?|layers?|diagram|topology|data flow|decision record|adr)\b"
    ),
    "log": re.compile(r"\b(?:log|journal|diary|changelog|meeting|minutes|standup|retro\w*|weekly|daily|attendees)\b"),
}
_DATED_HEADING = re.compile(r"^#{1,6}\s.*\d{4}-\d{2}-\d{2}|^#{1,6}\s+\[?v?\d+\.\d+", re.MULTILINE)
_DATED_PATH = re.compile(r"\d{4}-\d{2}-\d{2}")
_STEP = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)
_PROGRAM = re.compile(
    r"^\s*(?:```|~~~)(?:python|py|ts|js|typescript|javascript|rust|go|java|c|cpp|kotlin|swift|ruby)\b", re.MULTILINE
)


def technical_depth_of(body: str, units: Sequence[Unit]) -> str:
    """By how much code and how many identifiers stand in how much text."""
    code = sum(unit.kind == "code" for unit in units)
    marks = len(re.findall(r"`[^`\n]+`", body)) + 4 * code + len(re.findall(r"\b[A-Z]{2,5}\b", body)) // 2
    density = 100 * marks / max(100, len(body.split()))
    if density >= 4 and len(body) > 1500:
        return "deep"
    return "medium" if density >= 1.5 or len(body) > 6000 else "shallow"


def audience_of(kind: str, depth: str, units: Sequence[Unit]) -> str:
    if kind == "architecture":
        return "architect"
    if kind == "implementation" or depth == "deep" or sum(unit.kind == "code" for unit in units) >= 3:
        return "developer"
    return "user" if kind in ("guide", "reference") or depth == "medium" else "general"


def related_to(path: str, body: str, passages: Sequence[Passage]) -> list[str]:
    """Other notes among the passages: those this one links to first, then those that share its telling terms."""
    linked = {fold(target.rsplit("/", 1)[-1].removesuffix(".md")) for target in _links(body)}
    others = {passage.path: passage for passage in reversed(passages) if passage.path != path}
    theirs = {
        other: frozenset(telling(terms_of(f"{passage.title} {passage.text}"))) for other, passage in others.items()
    }
    mine = frozenset(telling(terms_of(body)))
    weights = rarity([mine, *theirs.values()])
    scored = []
    for other, passage in others.items():
        names = {fold(passage.title), fold(other.rsplit("/", 1)[-1].removesuffix(".md"))}
        shared = sum(weights[term] for term in mine & theirs[other])
        scored.append((bool(names & linked), shared, other))
    worth = [one for one in scored if one[0] or one[1] >= RELATED_LEAST]
    return [other for _, _, other in sorted(worth, key=lambda one: (not one[0], -one[1], one[2]))][:RELATED_MOST]


RELATED_LEAST = 6.0
"""Summed rarity of shared terms below which two notes only happen to share words."""


def _links(body: str) -> list[str]:
    return [*links_of(body), *re.findall(r"\]\(([^)\s#]+\.md)", body)]


def _prose(body: str) -> str:
    """The body without code blocks and addresses, whose words describe nothing."""
    return re.sub(r"(?ms)^\s*(```|~~~).*?^\s*\1|https?://\S+", " ", body)
