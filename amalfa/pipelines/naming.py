"""Works out which model each node asks, from the node, its layer and the file's `models`. Asks no configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from amalfa.config.known_providers import KNOWN_PROVIDERS
from amalfa.config.origins import Sourced
from amalfa.config.problems import suggestion
from amalfa.pipelines.fields import Problems
from amalfa.pipelines.graph import ModelEntry, Node


def model_names(
    written: Sequence[tuple[Node, Sourced]], entries: Mapping[str, ModelEntry], problems: Problems
) -> list[Node]:
    """The nodes with their models named as everywhere in Amalfa.

    They come with the file's own name in `written_model` and the model's id of `model_override` in `model`.
    """
    nodes = [node for node, _ in written]
    settled = [(_with_layers_model(node, nodes), sourced) for node, sourced in written]
    return [replace(node, model=_name(node, sourced, entries, problems)) for node, sourced in settled]


def _with_layers_model(node: Node, others: Sequence[Node]) -> Node:
    """A node without a model takes its layer's: that of the first node there which names one."""
    if node.written_model or node.kind == "output":
        return node
    siblings = (other for other in others if other.layer == node.layer and other.kind != "output")
    first = next((other for other in siblings if other.written_model), None)
    if first is None:
        return node
    return replace(node, written_model=first.written_model, model=node.model or first.model)


def _name(node: Node, sourced: Sourced, entries: Mapping[str, ModelEntry], problems: Problems) -> str:
    written, model = node.written_model, node.model
    entry = entries.get(written)
    if not written:
        return ""
    if entry is not None:
        model = model or entry.model
        if not model and entry.provider in KNOWN_PROVIDERS and entry.provider != "lmstudio":
            message = f'names no model of "{entry.key}"; write it at extra-options.model_override'
            problems.add(sourced, f'node "{node.name}" {message}')
        return f"{entry.provider}:{model or entry.key}"
    if model and written in KNOWN_PROVIDERS:
        return f"{written}:{model}"
    if ":" not in written and "/" not in written and written != "auto":
        # Every such name would be one of Ollama's models, and a slip of the pen would look like a missing one.
        meant = suggestion(written, entries) or f"; a local model is written ollama:{written}"
        problems.add(sourced, f'node "{node.name}" names the model {written}, which models does not list{meant}')
    elif model:
        message = f"has a model_override, which is for the file's own models; {written} names its model already"
        problems.add(sourced, f'node "{node.name}" {message}')
    return written
