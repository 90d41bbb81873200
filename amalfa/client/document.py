"""Reads JSON that came from outside, one typed field at a time; a wrong or missing field reads as empty."""

from collections.abc import Iterator


class Document:
    """A JSON object as received. A sonar of another version may lack a field or add one, so nothing is required.

    What is not an object at all reads as an empty one.
    """

    __slots__ = ("_fields",)

    def __init__(self, value: object) -> None:
        self._fields: dict[object, object] = value if isinstance(value, dict) else {}

    def __bool__(self) -> bool:
        return bool(self._fields)

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def __iter__(self) -> Iterator[str]:
        return (str(key) for key in self._fields)

    def fields(self) -> dict[object, object]:
        """A copy of all fields as they came."""
        return dict(self._fields)

    def raw(self, key: str) -> object:
        """The field as it came; None when it is missing or null."""
        return self._fields.get(key)

    def text(self, key: str, default: str = "") -> str:
        value = self._fields.get(key)
        return value if isinstance(value, str) else default

    def flag(self, key: str) -> bool:
        return self._fields.get(key) is True

    def number(self, key: str) -> float | None:
        """A number, or None when it is missing, null or something else (`true` included)."""
        value = self._fields.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def whole(self, key: str) -> int | None:
        """A whole number, or None."""
        value = self._fields.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def item(self, key: str) -> "Document":
        return Document(self._fields.get(key))

    def items(self, key: str) -> "list[Document]":
        """The objects of a list; entries that are no objects are left out."""
        return documents(self._fields.get(key))

    def texts(self, key: str) -> list[str]:
        """The strings of a list; other entries are left out."""
        value = self._fields.get(key)
        return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def documents(value: object) -> list[Document]:
    """The objects of a JSON list; empty for anything that is no list."""
    return [Document(entry) for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
