"""Puts a schema of any form under an object, the only root that models are reliably held to. Checks no schema."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from amalfa.calls import JsonSchema

KEY = "value"
"""The one member of the object that a schema is put under."""

_DEFINITIONS = ("$defs", "definitions")
_AT_ROOT = ("$schema", *_DEFINITIONS)
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DATA = frozenset({"enum", "const", "default", "examples", "required"})
_BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas", *_DEFINITIONS})
_SAYS_FORM = frozenset({"type", "enum", "const", "anyOf", "oneOf", "allOf", "not", "if", *_REFERENCES})

Turn = Callable[[str], str]
"""Where a reference leads, for where it led before."""


@dataclass(frozen=True, slots=True)
class ObjectRoot:
    """`schema` is what a reply has to fit, `bare` what the value has to; when `is_wrapped`, it stands under `KEY`."""

    schema: JsonSchema
    bare: JsonSchema
    is_wrapped: bool


def with_object_root(schema: JsonSchema) -> ObjectRoot:
    """The schema itself when it is plainly that of an object, else an object with the one member `KEY`.

    References go on pointing at what they pointed at. One that leads to the root, as in a tree, becomes one to a
    definition, and an anchor becomes a path, as these two are all that every reader of schemas can follow. A root
    that says nothing of its form is narrowed to objects and arrays.
    """
    anchors = dict(_anchors(schema, "#"))
    plain = _turned(schema, lambda reference: anchors.get(reference, reference))
    names = plain.get("$defs")
    known = names if isinstance(names, Mapping) else {}
    name = _free_name("Root", known)
    moved = _turned(plain, lambda reference: _below(f"#/$defs/{name}", reference))
    if plain.get("type") == "object" and moved == plain:
        return ObjectRoot(plain, plain, is_wrapped=False)
    outer = {key: part for key, part in moved.items() if key in _AT_ROOT}
    # An address of its own would make the inner part a document of its own, in which no reference leads outwards.
    inner = {key: part for key, part in moved.items() if key not in (*_AT_ROOT, "$id", "id")}
    if not inner.keys() & _SAYS_FORM:
        inner = {"type": ["object", "array"], **inner}
    if moved != plain:
        shared = outer.get("$defs")
        outer["$defs"] = {**(shared if isinstance(shared, Mapping) else {}), name: inner}
        inner = {"$ref": f"#/$defs/{name}"}
    wrapped = {"type": "object", "properties": {KEY: inner}, "required": [KEY], "additionalProperties": False}
    return ObjectRoot({**wrapped, **outer}, {**inner, **outer}, is_wrapped=True)


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    while name in taken:
        name += "_"
    return name


def _below(root: str, reference: str) -> str:
    """References to the root and into it lead below `root`; those to definitions stay."""
    is_within_root = reference == "#" or reference.startswith("#/")
    if not is_within_root or reference.startswith(tuple(f"#/{key}/" for key in _DEFINITIONS)):
        return reference
    return root + reference[1:]


def _turned(node: Mapping[str, object], turn: Turn) -> dict[str, object]:
    """The same schema with other references."""
    found: dict[str, object] = {}
    for key, part in node.items():
        if key in _REFERENCES and isinstance(part, str):
            target = turn(part)
            found["$ref" if target != part else key] = target
        elif key in _BY_NAME and isinstance(part, Mapping):
            found[key] = {name: _turned_part(member, turn) for name, member in part.items()}
        else:
            found[key] = part if key in _DATA else _turned_part(part, turn)
    return found


def _turned_part(part: object, turn: Turn) -> object:
    if isinstance(part, list):
        return [_turned_part(item, turn) for item in part]
    if not isinstance(part, Mapping) or _has_address(part):
        return part
    return _turned(part, turn)


def _anchors(part: object, path: str) -> Iterator[tuple[str, str]]:
    """Every anchor with the path of the part that it names."""
    if isinstance(part, list):
        for number, item in enumerate(part):
            yield from _anchors(item, f"{path}/{number}")
    if not isinstance(part, Mapping) or (path != "#" and _has_address(part)):
        return
    # Drafts 6 and 7 write an anchor as an address.
    for name in (f"#{part.get('$anchor', '')}", part.get("$id")):
        if isinstance(name, str) and len(name) > 1 and name.startswith("#"):
            yield name, path
    for key, child in part.items():
        if key not in _DATA:
            yield from _anchors(child, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")


def _has_address(part: Mapping[str, object]) -> bool:
    """Whether a part is a document of its own: its references start there, and others do not lead into it."""
    address = part.get("$id")
    return isinstance(address, str) and not address.startswith("#")
