"""Changes one value in a JSON text and leaves every other byte: comments, order, indentation, line ends."""

import json
import re

from amalfa.config.jsonc import Json, Member, Node
from amalfa.config.keypath import KeyPath, show_key
from amalfa.errors import UsageProblem

_INDENT = re.compile(r"[ \t]*")


def put_value(text: str, root: Node, path: KeyPath, value: Json) -> str:
    """`text` with `value` at `path`; `root` is the text as read. Missing objects on the way are made.

    Raises UsageProblem for a path into a list that is not there.
    """
    node = root
    for depth, part in enumerate(path):
        if isinstance(part, int):
            if part >= len(node.items):
                raise UsageProblem(f"{show_key(path[:depth])} has no item {part}; set the whole list instead.")
            node = node.items[part]
            continue
        if not isinstance(node.value, dict):
            return _replaced(text, root, node, _nested(path[depth:], value))
        member = node.member(part)
        if member is None:
            return _inserted(text, root, node, (part, _nested(path[depth + 1 :], value)))
        node = member.node
    return _replaced(text, root, node, value)


def _nested(path: KeyPath, value: Json) -> Json:
    for part in reversed(path):
        if isinstance(part, int):
            raise UsageProblem(f"There is no list yet that could have an item {part}; set the whole list instead.")
        value = {part: value}
    return value


def _replaced(text: str, root: Node, node: Node, value: Json) -> str:
    written = _written(value, _indent_at(text, node.start), _Style(text, root))
    return text[: node.start] + written + text[node.end :]


def _inserted(text: str, root: Node, node: Node, member: tuple[str, Json]) -> str:
    style = _Style(text, root)
    if not node.members:
        return _filled(text, node, member, style)
    last = node.members[-1]
    brace = node.end - 1
    tail = text[last.node.end : brace]
    is_on_lines = "\n" in tail or "\r" in tail
    indent = _member_indent(text, last) if is_on_lines else ""
    written = f"{json.dumps(member[0], ensure_ascii=False)}: {_written(member[1], indent, style)}"
    end = len(text[:brace].rstrip(" \t\r\n"))
    before = text[: last.node.end] + ("," if node.last_comma is None else "") + text[last.node.end : end]
    comma = "," if node.last_comma is not None else ""
    return f"{before}{style.line_end + indent if is_on_lines else ' '}{written}{comma}{text[end:]}"


def _filled(text: str, node: Node, member: tuple[str, Json], style: "_Style") -> str:
    """The first member of an object that has none, though perhaps comments."""
    outer = _indent_at(text, node.start)
    indent = outer + style.step
    written = f"{json.dumps(member[0], ensure_ascii=False)}: {_written(member[1], indent, style)}"
    inside = text[node.start + 1 : node.end - 1].rstrip(" \t\r\n")
    lines = f"{inside}{style.line_end}{indent}{written}{style.line_end}{outer}"
    return text[: node.start + 1] + lines + text[node.end - 1 :]


class _Style:
    """How a text is laid out: its line ends and the step of its indentation."""

    def __init__(self, text: str, root: Node) -> None:
        self.line_end = "\r\n" if "\r\n" in text else "\n"
        first = root.members[0] if root.members else None
        self.step = (_member_indent(text, first) if first else "") or "  "


def _member_indent(text: str, member: Member) -> str:
    """What stands before a member's key on its line, when that is only blanks."""
    line_start = max(text.rfind("\n", 0, member.start), text.rfind("\r", 0, member.start)) + 1
    before = text[line_start : member.start]
    return before if not before.strip(" \t") else _indent_at(text, member.start)


def _indent_at(text: str, offset: int) -> str:
    """The blanks that the line of `offset` begins with."""
    line_start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    found = _INDENT.match(text, line_start)
    return found[0][: offset - line_start] if found else ""


def _written(value: Json, indent: str, style: _Style) -> str:
    """`value` as JSON: objects over several lines, everything else on one."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + style.step
    members = (
        f"{inner}{json.dumps(key, ensure_ascii=False)}: {_written(item, inner, style)}" for key, item in value.items()
    )
    return "{" + style.line_end + f",{style.line_end}".join(members) + style.line_end + indent + "}"
