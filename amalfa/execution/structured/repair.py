"""Reads a reply's documents: strictly where it is JSON, else by lossless repair."""

import json

from amalfa.calls import JsonSchema
from amalfa.errors import BadReply
from amalfa.execution.structured.envelope import Document, find_documents
from amalfa.execution.structured.names import names_of
from amalfa.execution.structured.policy import Refusal, Repair, refuse
from amalfa.execution.structured.strict import check_inside, check_size, is_same, parse_strictly

# A document inside a JSON string inside a JSON string is no accident any more.
ENCODED_MAX = 1

Names = frozenset[str] | None


def documents_of(text: str, schema: JsonSchema | None = None) -> list[Document]:
    """The different documents of a reply, at least one. Valid JSON is never edited. Raises BadReply.

    The keys of the schema tell quoted words from members; its rules are not looked at.
    """
    check_size(text)
    try:
        return [Document(parse_strictly(text), ())]
    except BadReply:
        return _distinct(_repaired(text, ENCODED_MAX, names_of(schema)))


def repaired(text: str) -> Document:
    """The one document of a reply. Raises BadReply, also when it holds two that differ."""
    found = documents_of(text)
    if len(found) > 1:
        refuse(Refusal.SEVERAL, text, 0)
    return found[0]


def _repaired(text: str, encoded_left: int, names: Names) -> list[Document]:
    inner = _encoded(text)
    if inner is not None:
        if not encoded_left:
            refuse(Refusal.NO_DOCUMENT, text, 0)
        return [_with(one, Repair.DOUBLE_ENCODED) for one in _documents_in(inner, encoded_left - 1, names)]
    if _is_scalar(text):
        refuse(Refusal.NO_DOCUMENT, text, 0)
    try:
        return find_documents(text, names)
    except RecursionError:
        refuse(Refusal.TOO_DEEP, text, 0)


def _documents_in(text: str, encoded_left: int, names: Names) -> list[Document]:
    try:
        return [Document(parse_strictly(text), ())]
    except BadReply:
        return _repaired(text, encoded_left, names)


def _encoded(text: str) -> str | None:
    """What a reply means that is one JSON string, perhaps in a fence; None for any other reply."""
    bare = text.strip().removeprefix("```json").strip("`").strip()
    if not (bare.startswith('"') and bare.endswith('"')):
        return None
    try:
        value = json.loads(bare)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _is_scalar(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return not isinstance(value, dict | list)


def _with(document: Document, repair: Repair) -> Document:
    return Document(document.value, (repair, *document.repairs))


def _distinct(found: list[Document]) -> list[Document]:
    kept: list[Document] = []
    repeats: tuple[Repair, ...] = ()
    for document in found:
        check_inside(document.value)
        if any(is_same(document.value, other.value) for other in kept):
            repeats = (Repair.DUPLICATE,)
        else:
            kept.append(document)
    return [Document(one.value, (*repeats, *one.repairs)) for one in kept]
