"""Reads a model's reply as the JSON value that was asked for, or refuses it. The one door to this package."""

from dataclasses import dataclass

from amalfa.calls import JsonSchema
from amalfa.errors import BadReply
from amalfa.execution.structured.coerce import fitted
from amalfa.execution.structured.policy import Refusal, Repair, refuse
from amalfa.execution.structured.repair import documents_of
from amalfa.execution.structured.strict import is_same


@dataclass(frozen=True, slots=True)
class Reply:
    """A value that is safe to use, and the names of the repairs that led to it, in their order."""

    value: object
    repairs: tuple[str, ...] = ()


def read_reply(text: str, schema: JsonSchema | None = None) -> Reply:
    """The value of a whole reply; a truncated one must not come here.

    With a schema the value is valid against it, and of several documents the only one that fits is taken.
    Raises BadReply with sentences that can be shown to the model; they quote nothing of the reply.
    Raises UsageProblem when the schema itself cannot be applied.
    """
    documents = documents_of(text, schema)
    if schema is None:
        if len(documents) > 1:
            refuse(Refusal.SEVERAL, text, 0)
        return _reply(documents[0].value, documents[0].repairs)
    fits: list[Reply] = []
    problem: BadReply | None = None
    for document in documents:
        try:
            value, repairs = fitted(document.value, schema)
        except BadReply as error:
            error.gate = "schema"
            problem = problem or error
            continue
        if not any(is_same(value, other.value) for other in fits):
            fits.append(_reply(value, (*document.repairs, *repairs)))
    if not fits and problem is not None:
        raise problem
    if len(fits) > 1:
        refuse(Refusal.SEVERAL, text, 0)
    chosen = fits[0]
    return Reply(chosen.value, (*chosen.repairs, Repair.CHOSEN.value)) if len(documents) > 1 else chosen


def _reply(value: object, repairs: tuple[Repair, ...]) -> Reply:
    return Reply(value, tuple(dict.fromkeys(repair.value for repair in repairs)))
