"""How a failure looks on the wire: `{"error": {"code", "message", "hint", "problems"?}}`. Standard library only."""

from amalfa.errors import AmalfaError, Problem


def error_document(error: AmalfaError) -> dict[str, object]:
    """What stands under `error`; `problems` is there only when the failure lists some."""
    document: dict[str, object] = {"code": error.code, "message": error.message, "hint": error.hint}
    problems: tuple[Problem, ...] = getattr(error, "problems", ())
    if problems:
        document["problems"] = [{"path": p.path, "line": p.line, "message": p.message} for p in problems]
    return document
