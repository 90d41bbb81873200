"""Draws a pipeline layer by layer, in boxes that fit the width; as a list where they would not fit."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from amalfa.cli.safe_text import safe_line
from amalfa.cli.table import cells
from amalfa.cli.wording import count
from amalfa.pipelines.graph import Function, HookUse, Node, Pipeline

BOX_MIN, BOX_MAX, GAP = 22, 44, 2
USE_CASE_LINES, CONDITION_LINES = 2, 3

DOES = {"router": "chooses", "fan-out": "asks all", "answer": "", "output": ""}


@dataclass(frozen=True, slots=True)
class Strokes:
    """The characters of a drawing."""

    across: str
    down: str
    corners: str  # top left, top right, bottom left, bottom right
    leaves: str
    meets: str  # from above, below, both
    ends: str  # of the line between layers: from above on the left and right, to below on the left and right
    sides: str  # of that line: from above and to below on the left, and on the right
    arrow: str
    to: str
    cut: str


UNICODE = Strokes("─", "│", "┌┐└┘", "┬", "┴┬┼", "└┘┌┐", "├┤", "▼", "→", "…")
ASCII = Strokes("-", "|", "++++", "+", "+++", "++++", "++", "v", "->", "...")


def drawing(pipeline: Pipeline, *, width: int, is_plain: bool) -> str:
    """The whole picture, with a line about the pipeline above it and its functions below."""
    strokes = ASCII if is_plain else UNICODE
    rows = _rows(pipeline)
    widest = max(len(row) for row in rows)
    box = min(BOX_MAX, (width - GAP * (widest - 1)) // widest)
    body = _boxes(pipeline, rows, box, strokes) if box >= BOX_MIN else _list(pipeline, rows, width, strokes)
    parts = [_headline(pipeline), "", *body]
    if pipeline.functions:
        parts += ["", "functions", *(f"  {_function(one)}" for one in pipeline.functions.values())]
    return "\n".join(line.rstrip() for line in parts)


def fields_of(pipeline: Pipeline) -> dict[str, object]:
    """The same as data, for programs."""
    return {
        "name": pipeline.name,
        "path": pipeline.path,
        "max_hops": pipeline.max_hops,
        "layers": [{"layer": number, "nodes": [_fields(node) for node in nodes]} for number, nodes in pipeline.layers],
        "outputs": [node.name for node in pipeline.nodes if node.kind == "output"],
        "functions": [{"name": one.name, "type": one.type} for one in pipeline.functions.values()],
    }


def _fields(node: Node) -> dict[str, object]:
    return {
        "name": node.name,
        "does": node.kind,
        "model": node.model or None,
        "use_case": node.use_case or None,
        "if": node.condition.text if node.condition else None,
        "default": node.is_default,
        "merge": node.merge,
        "output_to": list(node.output_to),
        "before": [use.function for use in node.pre_hooks],
        "after": [use.function for use in node.post_hooks],
        "line": node.line,
    }


def _headline(pipeline: Pipeline) -> str:
    inner = [node for node in pipeline.nodes if node.kind != "output"]
    hops = f", at most {count(pipeline.max_hops, 'hop')}" if pipeline.has_hop_limit else ""
    return f"{safe_line(pipeline.name)}: {count(len(inner), 'node')} in {count(len(pipeline.layers), 'layer')}{hops}"


def _rows(pipeline: Pipeline) -> list[tuple[Node, ...]]:
    outputs = tuple(node for node in pipeline.nodes if node.kind == "output")
    return [*(nodes for _, nodes in pipeline.layers), *([outputs] if outputs else [])]


def _boxes(pipeline: Pipeline, rows: Sequence[tuple[Node, ...]], box: int, strokes: Strokes) -> list[str]:
    total = max(len(row) for row in rows) * (box + GAP) - GAP
    lines: list[str] = []
    for number, row in enumerate(rows):
        following = rows[number + 1] if number + 1 < len(rows) else ()
        is_plain_step = _leads_all_on(row, following)
        told = [_told(pipeline, node, box - 4, strokes, leads=not is_plain_step) for node in row]
        height = max(map(len, told))
        columns = [_box(texts, box, height, strokes, is_left=is_plain_step) for texts in told]
        indent = " " * ((total - len(row) * (box + GAP) + GAP) // 2)
        lines += [indent + (" " * GAP).join(parts) for parts in zip(*columns, strict=True)]
        if following and is_plain_step:
            lines += _between(_middles(row, box, total), _middles(following, box, total), strokes)
        elif following:
            lines.append("")
    return lines


def _leads_all_on(row: Sequence[Node], following: Sequence[Node]) -> bool:
    """Whether every node of a row leads to all of the next one and nowhere else, which lines alone can say."""
    names = {node.name for node in following}
    return bool(names) and all(set(node.output_to) == names for node in row)


def _told(pipeline: Pipeline, node: Node, width: int, strokes: Strokes, *, leads: bool) -> list[str]:
    """The lines in a node's box."""
    lines = [_cut(_title(node), width, strokes)]
    if node.kind == "output":
        return lines
    if node.model:
        lines += _wrapped(_model(pipeline, node), "", width, 2, strokes)
    lines += _wrapped(node.use_case, "for ", width, USE_CASE_LINES, strokes)
    if node.condition is not None:
        lines += _wrapped(node.condition.text, "if ", width, CONDITION_LINES, strokes)
    lines += _wrapped(_hooks(node.pre_hooks), "before: ", width, 2, strokes)
    lines += _wrapped(_hooks(node.post_hooks), "after: ", width, 2, strokes)
    if leads:
        lines += _wrapped(", ".join(node.output_to), f"{strokes.to} ", width, 2, strokes)
    return lines


def _model(pipeline: Pipeline, node: Node) -> str:
    """The model's id; one of the file's own models with the host it is at."""
    entry = pipeline.models.get(node.written_model)
    if entry is None:
        return node.model
    host = entry.url.partition("://")[2].partition("/")[0] or entry.url.partition("/")[0]
    return f"{node.model.partition(':')[2]} at {host}"


def _title(node: Node) -> str:
    marks = [DOES[node.kind], "default" if node.is_default else "", f"merges: {node.merge}" if node.merge else ""]
    return " ".join((node.name, *(f"({mark})" for mark in marks if mark)))


def _hooks(uses: Sequence[HookUse]) -> str:
    return ", ".join(f"{use.function} ({use.mode}s)" for use in uses)


def _box(texts: list[str], width: int, height: int, strokes: Strokes, *, is_left: bool) -> list[str]:
    inside = [*texts, *[""] * (height - len(texts))]
    left_top, right_top, left_bottom, right_bottom = tuple(strokes.corners)
    edge = strokes.across * (width - 2)
    middle = (width - 2) // 2
    bottom = edge[:middle] + strokes.leaves + edge[middle + 1 :] if is_left else edge
    return [
        left_top + edge + right_top,
        *(f"{strokes.down} {text}{' ' * (width - 4 - cells(text))} {strokes.down}" for text in inside),
        left_bottom + bottom + right_bottom,
    ]


def _middles(row: Sequence[Node], box: int, total: int) -> list[int]:
    start = (total - len(row) * (box + GAP) + GAP) // 2
    return [start + number * (box + GAP) + 1 + (box - 2) // 2 for number in range(len(row))]


def _between(above: list[int], below: list[int], strokes: Strokes) -> list[str]:
    """The lines from one row to the next."""
    arrows = _placed(dict.fromkeys(below, strokes.arrow))
    if above == below and len(above) == 1:
        return [_placed({above[0]: strokes.down}), arrows]
    first, last = min(*above, *below), max(*above, *below)
    bar = {}
    for at in range(first, last + 1):
        bar[at] = _joint(at, (first, last), (at in above, at in below), strokes)
    return [_placed(bar), arrows]


def _joint(at: int, ends: tuple[int, int], meets: tuple[bool, bool], strokes: Strokes) -> str:
    """One character of the line between two rows. `meets`: whether a way comes from above, and goes on below."""
    from_above, to_below = meets
    if at in ends:
        side = ends.index(at)
        if from_above and to_below:
            return strokes.sides[side]
        return strokes.ends[side if from_above else 2 + side]
    if from_above or to_below:
        return strokes.meets[2 if from_above and to_below else 0 if from_above else 1]
    return strokes.across


def _placed(characters: dict[int, str]) -> str:
    return "".join(characters.get(at, " ") for at in range(max(characters) + 1))


def _list(pipeline: Pipeline, rows: Sequence[tuple[Node, ...]], width: int, strokes: Strokes) -> list[str]:
    lines = []
    for row in rows:
        layer = "end" if row[0].kind == "output" else f"layer {row[0].layer}"
        lines.append(layer)
        for node in row:
            first, *rest = _told(pipeline, node, max(width - 4, 16), strokes, leads=True)
            lines += [f"  {first}", *(f"    {line}" for line in rest)]
    return lines


def _function(function: Function) -> str:
    what = " ".join((function.command, *function.args)) if function.type == "shell" else function.url
    verb = "runs" if function.type == "shell" else f"sends a {function.method} to"
    return safe_line(f"{function.name} {verb} {what}")


def _wrapped(text: str, lead: str, width: int, most: int, strokes: Strokes) -> list[str]:
    """At most so many lines of a text; what is left out shows as the sign for it."""
    if not text:
        return []
    parts = textwrap.wrap(safe_line(lead + " ".join(text.split())), width, break_on_hyphens=False)
    if len(parts) > most:
        parts = [*parts[: most - 1], _cut(parts[most - 1] + " " + parts[most], width, strokes)]
    return [_cut(part, width, strokes) for part in parts]


def _cut(text: str, width: int, strokes: Strokes) -> str:
    text = safe_line(text)
    if cells(text) <= width:
        return text
    while cells(text) > width - len(strokes.cut):
        text = text[:-1]
    return text.rstrip() + strokes.cut
