"""Finds what keeps a pipeline from running, and what its author should know. Runs nothing and asks nobody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from amalfa.config.problems import in_order, suggestion
from amalfa.config.secret import EnvReference, Secret
from amalfa.errors import Problem
from amalfa.pipelines.graph import DRAFT_KINDS, Node, Pipeline
from amalfa.pipelines.overlap import example_of_both, is_satisfiable


@dataclass(frozen=True, slots=True)
class Known:
    """What is known around a pipeline. None, or empty, means that it cannot be told and nothing is said of it.

    `has_variable` says whether an environment name is set; `providers` are the names of all configured providers.
    """

    has_variable: Callable[[str], bool] | None = None
    providers: frozenset[str] = field(default=frozenset())


NOTHING_KNOWN = Known()


def find_problems(pipeline: Pipeline, known: Known = NOTHING_KNOWN) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """What keeps the pipeline from running, and what is only worth knowing; each with the file's line."""
    check = _Check(pipeline, known)
    errors = (*check.targets(), *check.reach(), *check.choices(), *check.merging(), *check.models(), *check.hooks())
    return in_order((*errors, *check.never())), in_order(check.notes())


class _Check:
    def __init__(self, pipeline: Pipeline, known: Known) -> None:
        self._pipeline = pipeline
        self._known = known
        self._inner = [node for node in pipeline.nodes if node.kind != "output"]

    def targets(self) -> Iterator[Problem]:
        """Every node leads somewhere, and never straight back to itself or out of reach."""
        names = [node.name for node in self._pipeline.nodes]
        for node in self._inner:
            for lost in node.lost_targets:
                is_layer = lost.lstrip("-").isdigit()
                what = f"to layer {lost}, which has no node" if is_layer else f"to {lost}, which is no node"
                yield self._at(node, f"leads {what}{'' if is_layer else suggestion(lost, names)}")
            if not node.output_to and not node.lost_targets:
                yield self._at(node, 'leads nowhere; set output-to, at the end to ["output"]')
        for first, second in pairwise(self._entries()):
            yield self._at(second, f'is in the lowest layer beside "{first.name}"; a request begins at one node only')

    def _entries(self) -> tuple[Node, ...]:
        return self._pipeline.layers[0][1]

    def reach(self) -> Iterator[Problem]:
        """Every node can be reached and reaches an output; circles need a limit."""
        reached = self._reachable(self._pipeline.entry)
        for node in self._pipeline.nodes:
            if node.name not in reached and not (node.kind == "output" and not node.line):
                yield self._at(node, "is never reached; no node on the way leads to it")
        ends = {node.name for node in self._pipeline.nodes if node.kind == "output"}
        for node in self._inner:
            if node.name in reached and node.output_to and not ends & self._reachable(node):
                yield self._at(node, "never leads to an output")
        for node in self._inner:
            if node.name in self._behind(node) and not self._pipeline.has_hop_limit:
                yield self._at(node, "leads back to itself; set max-hops, so that a circle ends")

    def choices(self) -> Iterator[Problem]:
        """Every choice can be made: by what the targets are for, by conditions, or by a default."""
        for node in self._inner:
            if node.kind != "router":
                continue
            targets = self._pipeline.targets(node)
            defaults = [target for target in targets if target.is_default]
            for target in defaults[1:]:
                yield self._at(target, f'is a second default of "{node.name}" beside "{defaults[0].name}"')
            for target in targets:
                if target.kind == "output":
                    yield self._at(node, f'could choose "{target.name}", which would end without an answer')
                elif not target.use_case and target.condition is None and not target.is_default:
                    yield self._at(target, f'has neither a use-case nor an if, so "{node.name}" cannot choose it')
            if not node.model and all(target.condition is None for target in targets):
                yield self._at(node, "has to choose and has neither a model nor conditions at its targets")

    def merging(self) -> Iterator[Problem]:
        for node in self._inner:
            if node.kind != "fan-out":
                continue
            targets = self._pipeline.targets(node)
            if len(targets) < 2:
                yield self._at(node, "fans out and needs several targets")
            for target in targets:
                if target.kind != "answer":
                    yield self._at(target, f'is asked by "{node.name}" beside others and has to be one that answers')
            if len({target.output_to for target in targets if target.kind == "answer"}) > 1:
                yield self._at(node, "fans out to nodes that go on in different ways; let them lead to the same node")
            if node.merge == "synthesize" and not node.model:
                yield self._at(node, "merges with synthesize and names no model for it")

    def models(self) -> Iterator[Problem]:
        """Every node that writes has a model, and every key that is named is there."""
        for node in self._inner:
            if node.kind == "answer" and not node.model:
                yield self._at(node, "names no model, and no node of its layer does")
        has = self._known.has_variable
        used = {node.written_model for node in self._inner}
        for entry in self._pipeline.models.values():
            key = entry.api_key
            if isinstance(key, EnvReference) and has and not has(key.name) and entry.key in used:
                message = f'model "{entry.key}": api-key names {key}, which is not set; put {key.name}=… into .env'
                yield Problem(self._pipeline.path, entry.line, message)
        for node in self._inner:
            provider, colon, _ = node.model.partition(":")
            providers = self._known.providers
            if colon and providers and "." in provider and provider not in providers:
                yield self._at(node, f"names the model {node.model}, whose provider is not known")

    def hooks(self) -> Iterator[Problem]:
        for node in self._pipeline.nodes:
            for use in (*node.pre_hooks, *node.post_hooks):
                if use.function and use.function not in self._pipeline.functions:
                    meant = suggestion(use.function, self._pipeline.functions)
                    yield self._at(node, f"calls {use.function}, which functions does not list{meant}", line=use.line)

    def never(self) -> Iterator[Problem]:
        for node in self._inner:
            if node.condition and is_satisfiable(node.condition.expression) is False:
                yield self._at(
                    node, f"has a condition that never holds: {node.condition.text}", line=node.condition.line
                )

    def notes(self) -> Iterator[Problem]:
        yield from self._ignored()
        yield from self._keys()
        yield from self._overlaps()
        for node in self._inner:
            if node.kind == "answer" and node.merge and not self._joins(node):
                yield self._at(node, "has a merge, and no fan-out leads to it, so it is ignored")
            if node.is_default and not self._is_chosen(node):
                yield self._at(node, "is marked default, and no router chooses it, so it is ignored")

    def _ignored(self) -> Iterator[Problem]:
        for node in self._pipeline.nodes:
            if node.ignored_keys:
                keys = " and ".join(node.ignored_keys)
                yield self._at(node, f"has {keys}, which is ignored; a pipeline is reached through sonar's own door")

    def _keys(self) -> Iterator[Problem]:
        used = {node.written_model for node in self._inner}
        for entry in self._pipeline.models.values():
            if isinstance(entry.api_key, Secret):
                message = f'model "{entry.key}" holds a key; better keep it in .env and write "$NAME"'
                yield Problem(self._pipeline.path, entry.line, message)
            if entry.key not in used:
                yield Problem(self._pipeline.path, entry.line, f'model "{entry.key}" is used by no node')

    def _overlaps(self) -> Iterator[Problem]:
        for node in self._inner:
            ruled = [one for one in self._pipeline.targets(node) if one.condition] if node.kind == "router" else []
            for first, second in combinations(ruled, 2):
                found = example_of_both(first, second)
                if found:
                    who = "its model decides then" if node.model else "the default is taken then"
                    message = f'can choose "{first.name}" and "{second.name}" by their conditions at once ({found})'
                    yield self._at(node, f"{message}; {who}")

    def _joins(self, node: Node) -> bool:
        fans = (one for one in self._inner if one.kind == "fan-out")
        return any(node.name in target.output_to for fan in fans for target in self._pipeline.targets(fan))

    def _is_chosen(self, node: Node) -> bool:
        return any(node.name in router.output_to for router in self._inner if router.kind == "router")

    def _reachable(self, start: Node) -> set[str]:
        return {start.name} | self._behind(start)

    def _behind(self, start: Node) -> set[str]:
        """The names of all nodes that some way from `start` comes to."""
        found: set[str] = set()
        waiting = list(start.output_to)
        while waiting:
            name = waiting.pop()
            node = self._pipeline.node(name)
            if name not in found and node is not None:
                found.add(name)
                waiting += node.output_to if node.kind in DRAFT_KINDS else ()
        return found

    def _at(self, node: Node, message: str, *, line: int | None = None) -> Problem:
        place = line or node.line or self._pipeline.line
        return Problem(self._pipeline.path, place, f'pipeline "{self._pipeline.name}", node "{node.name}" {message}')
