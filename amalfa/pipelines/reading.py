"""Reads a pipeline from its JSON: every key, every mistake, all at once. Judges no graph and asks no environment."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, count

from amalfa.config.jsonc import read_json
from amalfa.config.origins import OriginKind, Sourced, sourced_file
from amalfa.config.problems import in_order
from amalfa.config.secret import read_credential
from amalfa.errors import Problem
from amalfa.pipelines.fields import Fields, Problems
from amalfa.pipelines.functions import read_functions, read_hooks
from amalfa.pipelines.graph import MAX_HOPS, MERGES, ModelEntry, Node, NodeKind, Pipeline
from amalfa.pipelines.naming import model_names

PIPELINE_KEYS = ("models", "architecture", "functions", "max-hops", "name", "description", "$schema")
MODEL_KEYS = ("type", "interface", "url", "api-key", "apiKey", "model", "local", "description")
NODE_KEYS = (
    "name",
    "layer",
    "model",
    "adapter",
    "bind-addr",
    "bind-port",
    "output-to",
    "use-case",
    "if",
    "extra-options",
    "system",
    "temperature",
    "timeout",
    "max-tokens",
    "default",
    "merge",
    "fan-out",
    "hooks",
    "description",
)
EXTRA_KEYS = ("model_override", "model-override")
IGNORED_KEYS = ("bind-addr", "bind-port")
ADAPTERS = ("openai-api", "output")
NODES_MAX = 200


def read_pipeline(
    name: str, document: Sourced, *, providers: Mapping[str, str] | None = None
) -> tuple[Pipeline | None, tuple[Problem, ...]]:
    """The pipeline that a document says, and everything wrong with its form.

    `providers` says which provider each of the file's `models` became (`amalfa.config.pipeline_models`); without it
    they are named as they would be if each became one of its own. None when nothing can be made of the document; a
    pipeline with problems must not be run.
    """
    problems = Problems()
    top = Fields(document, f'pipeline "{name}"', problems)
    if not top.is_object():
        return None, tuple(problems.found)
    top.allow(PIPELINE_KEYS)
    entries = _entries(name, top, providers or {})
    written = _nodes(top)
    nodes = model_names(written, entries, problems)
    max_hops = top.count("max-hops", "maxHops", least=1, most=1_000)
    inner = [node for node in nodes if node.kind != "output"]
    if not inner:
        problems.add(top.get("architecture") or document, f"{top.what} has no node that could answer")
        return None, in_order(problems.found)
    pipeline = Pipeline(
        name=name,
        nodes=_joined(nodes),
        max_hops=max_hops or MAX_HOPS,
        has_hop_limit=max_hops is not None,
        functions=read_functions(top),
        models=entries,
        path=document.origin.path,
        line=document.origin.line,
        content=_digest(document),
    )
    return pipeline, in_order(problems.found)


def read_pipeline_text(
    name: str, text: str, *, path: str, kind: OriginKind = "project", providers: Mapping[str, str] | None = None
) -> tuple[Pipeline | None, tuple[Problem, ...]]:
    """The same for the text of a file, comments allowed; its problems carry `path`."""
    document = read_json(text, name=path)
    if document.root is None:
        return None, document.problems
    pipeline, problems = read_pipeline(name, sourced_file(document.root, kind=kind, path=path), providers=providers)
    return pipeline, in_order((*document.problems, *problems))


def _digest(document: Sourced) -> str:
    return hashlib.sha256(json.dumps(document.plain, sort_keys=True).encode()).hexdigest()


def _entries(name: str, top: Fields, providers: Mapping[str, str]) -> dict[str, ModelEntry]:
    entries = {}
    for key, sourced in top.members("models").items():
        fields = Fields(sourced, f'model "{key}"', top.problems)
        if not fields.is_object():
            continue
        fields.allow(MODEL_KEYS)
        fields.choice("type", among=("external",))
        fields.choice("interface", among=("openai-api",))
        if not fields.text("url"):
            fields.refuse("url", "must say where the model is")
        entries[key] = _entry(key, fields, providers.get(key, f"{name}.{key}"))
    return entries


def _entry(key: str, fields: Fields, provider: str) -> ModelEntry:
    written, credential = fields.text("api-key", "apiKey"), None
    try:
        credential = read_credential(written) if written else None
    except ValueError as problem:
        fields.refuse("api-key", str(problem))
    return ModelEntry(
        key, fields.text("url"), provider, credential, fields.text("model"), line=fields.sourced.origin.line
    )


def _nodes(top: Fields) -> list[tuple[Node, Sourced]]:
    """The nodes as written, each with its place in the file."""
    found: list[tuple[Node, Sourced]] = []
    if top.get("architecture") is None:
        top.refuse("architecture", "is missing; it lists the nodes")
    elif not isinstance(top.sourced.value, dict) or not isinstance(top.sourced.value["architecture"].value, list):
        top.refuse("architecture", "must be a list of nodes")
        return found
    for number, sourced in enumerate(top.items("architecture"), start=1):
        if number > NODES_MAX:
            top.refuse("architecture", f"lists more than {NODES_MAX} nodes")
            break
        if node := _node(sourced, number, top.problems):
            if any(node.name == other.name for other, _ in found):
                top.problems.add(sourced, f'node "{node.name}" has the name of another node')
                continue
            found.append((node, sourced))
    others = [node for node, _ in found]
    return [(_placed(node, sourced, others, top.problems), sourced) for node, sourced in found]


def _node(sourced: Sourced, number: int, problems: Problems) -> Node | None:
    if not isinstance(sourced.value, dict):
        problems.add(sourced, f"node {number} must be an object {{…}}")
        return None
    name = Fields(sourced, f"node {number}", problems).text("name")
    fields = Fields(sourced, f'node "{name}"' if name else f"node {number}", problems)
    fields.allow(NODE_KEYS)
    if not name:
        fields.refuse("name", "is missing")
        return None
    adapter = _adapter(fields)
    layer = fields.count("layer", least=0, most=10_000)
    if layer is None and adapter != "output" and fields.get("layer") is None:
        fields.refuse("layer", "is missing; the lowest one is where a request begins")
    extra = Fields(fields.get("extra-options") or Sourced(sourced.origin, {}), f"{fields.what} extra-options", problems)
    if extra.is_object():
        extra.allow(EXTRA_KEYS)
    merge = fields.choice("merge", among=MERGES)
    is_fan_out = fields.flag("fan-out")
    return Node(
        name=name,
        layer=layer or 0,
        kind="output" if adapter == "output" else "fan-out" if is_fan_out else "answer",
        line=sourced.origin.line,
        model=extra.text(*EXTRA_KEYS),
        written_model=fields.text("model"),
        use_case=fields.text("use-case"),
        condition=fields.condition(),
        system=fields.text("system"),
        temperature=fields.number("temperature", least=0, most=2),
        timeout_s=fields.number("timeout", least=0.001, most=86_400),
        max_tokens=fields.count("max-tokens", least=1, most=1_000_000),
        is_default=fields.flag("default"),
        merge=next((one for one in MERGES if one == merge), None),
        is_fan_out=is_fan_out,
        pre_hooks=read_hooks(fields, "pre"),
        post_hooks=read_hooks(fields, "post"),
        ignored_keys=tuple(key for key in IGNORED_KEYS if fields.get(key) is not None),
    )


def _adapter(fields: Fields) -> str:
    written = fields.text("adapter")
    if written == "ws":
        fields.refuse("adapter", "ws is not supported; use openai-api, clients reach the pipeline through sonar")
        return "openai-api"
    return fields.choice("adapter", among=ADAPTERS) or "openai-api"


def _placed(node: Node, sourced: Sourced, others: list[Node], problems: Problems) -> Node:
    """The node with its targets: of a layer's number all nodes of that layer, of a name that one."""
    if node.kind == "output":
        return node
    targets: dict[str, None] = {}
    lost = []
    for target in Fields(sourced, "", problems).items("output-to"):
        found = [other.name for other in others if _is_meant(other, target.value)]
        if isinstance(target.value, bool) or not isinstance(target.value, int | str):
            problems.add(target, f'node "{node.name}": output-to holds numbers of layers and names of nodes')
        elif not found:
            lost.append(str(target.value))
        targets |= dict.fromkeys(found)
    kind: NodeKind = "router" if node.kind == "answer" and len(targets) > 1 else node.kind
    return replace(node, kind=kind, output_to=tuple(targets), lost_targets=tuple(lost))


def _is_meant(node: Node, target: object) -> bool:
    if isinstance(target, bool):
        return False
    if isinstance(target, int):
        return node.layer == target and node.kind != "output"
    if not isinstance(target, str):
        return False
    is_layer = target.isdigit() and node.kind != "output" and node.layer == int(target)
    return node.name == target.strip() or is_layer


def _joined(nodes: list[Node]) -> tuple[Node, ...]:
    """The nodes with an output. A file without one means that nodes which lead nowhere end the pipeline."""
    if any(node.kind == "output" for node in nodes):
        return tuple(nodes)
    taken = {node.name for node in nodes}
    names = chain(("output",), (f"output-{number}" for number in count(2)))
    name = next(name for name in names if name not in taken)
    return (*(_ending(node, name) for node in nodes), Node(name, 0, "output"))


def _ending(node: Node, output: str) -> Node:
    is_end = not node.output_to and set(node.lost_targets) <= {"output"}
    return replace(node, output_to=(output,), lost_targets=()) if is_end else node
