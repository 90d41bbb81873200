"""Prints a JSON object as `name: value` lines, for people."""

from amalfa.cli.table import wrapped
from amalfa.client.document import Document


def fields_text(told: Document, *, width: int) -> str:
    """One line per field that holds something; lists joined by commas, objects unfolded, long text indented."""
    return "\n".join(_lines("", told, width))


def _lines(prefix: str, told: Document, width: int) -> list[str]:
    lines = []
    for name in told:
        value, label = told.raw(name), prefix + name.replace("_", " ")
        if isinstance(value, dict):
            lines += _lines(f"{label} ", Document(value), width)
        elif (text := _value(value)) != "":
            whole = f"{label}: {text}"
            lines.append(whole if len(whole) <= width else f"{label}:\n{wrapped(text, width=width, indent='  ')}")
    return lines


def _value(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(filter(None, map(_value, value)))
        case dict():
            return " ".join(filter(None, map(_value, value.values())))
    return str(value)
