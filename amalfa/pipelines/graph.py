"""A layered pipeline as it was read: its nodes, where each leads, and what is done at each. Runs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from amalfa.config.secret import Credential
from amalfa.pipelines.conditions import Expression

NodeKind = Literal["router", "fan-out", "answer", "output"]
"""What a node does: choose one of its targets, ask several of them, write an answer, or end the pipeline."""

Merge = Literal["first", "vote", "concatenate", "synthesize"]
MERGES: tuple[Merge, ...] = ("first", "vote", "concatenate", "synthesize")

HookMode = Literal["observe", "transform"]
OnFailure = Literal["continue", "abort"]
HookTime = Literal["pre", "post"]

MAX_HOPS = 8
"""The nodes that one call may pass, where the file says nothing."""

DRAFT_KINDS: frozenset[NodeKind] = frozenset({"router", "fan-out", "answer"})


@dataclass(frozen=True, slots=True)
class Condition:
    """An `if`: its text as written, its line, and what was read from it."""

    text: str
    line: int | None
    expression: Expression


@dataclass(frozen=True, slots=True)
class Function:
    """Something that hooks call. Of a `rest` function `url` and what belongs to it is set, of a `shell` one `command`.

    `command` is run as it is, without a shell, with `args` behind it; `env` names what it sees of the environment.
    `headers` and `body` may hold `$ENV_NAME`.
    """

    name: str
    type: Literal["rest", "shell"]
    line: int | None = None
    method: str = "POST"
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: object = field(default=None, repr=False)
    command: str = ""
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class HookUse:
    """One use of a function at a node. `observe` looks on, `transform` replaces the text by what the function says."""

    function: str
    mode: HookMode = "observe"
    on_failure: OnFailure = "continue"
    condition: Condition | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One of the file's `models`. `provider` is the name of the provider it became, "" when none was found for it.

    `api_key` None means that none is written; `model` is the model's id where the entry itself names one.
    """

    key: str
    url: str
    provider: str = ""
    api_key: Credential | None = field(default=None, repr=False)
    model: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    `model` is a model name as everywhere in Amalfa (`openrouter:google/gemma-3-27b-it:free`), "" for none;
    `written_model` is what the file says. `output_to` are names of nodes in the order of the file; `lost_targets` are
    the layers and names that lead to no node. None leaves a setting to the call. `line` is the node's in its file.
    """

    name: str
    layer: int
    kind: NodeKind
    line: int | None = None
    model: str = ""
    written_model: str = ""
    use_case: str = ""
    condition: Condition | None = None
    output_to: tuple[str, ...] = ()
    lost_targets: tuple[str, ...] = ()
    system: str = ""
    temperature: float | None = None
    timeout_s: float | None = None
    max_tokens: int | None = None
    is_default: bool = False
    merge: Merge | None = None
    is_fan_out: bool = False
    pre_hooks: tuple[HookUse, ...] = ()
    post_hooks: tuple[HookUse, ...] = ()
    ignored_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole pipeline. `path` is the file it was read from, `content` a digest that changes with every edit of it.

    `nodes` stand in the order of the file, the outputs among them. `has_hop_limit`: the file itself sets `max-hops`.
    """

    name: str
    nodes: tuple[Node, ...]
    max_hops: int = MAX_HOPS
    has_hop_limit: bool = False
    functions: Mapping[str, Function] = field(default_factory=dict)
    models: Mapping[str, ModelEntry] = field(default_factory=dict)
    path: str = ""
    line: int | None = None
    content: str = ""

    @property
    def layers(self) -> tuple[tuple[int, tuple[Node, ...]], ...]:
        """The nodes layer by layer, lowest first, without the outputs."""
        numbers = sorted({node.layer for node in self.nodes if node.kind != "output"})
        inner = [node for node in self.nodes if node.kind != "output"]
        return tuple((number, tuple(node for node in inner if node.layer == number)) for number in numbers)

    @property
    def entry(self) -> Node:
        """The node where every request begins: the first one of the lowest layer."""
        return self.layers[0][1][0]

    def node(self, name: str) -> Node | None:
        return next((node for node in self.nodes if node.name == name), None)

    def targets(self, node: Node) -> tuple[Node, ...]:
        """Where a node may lead, in the order of the file."""
        found = (self.node(name) for name in node.output_to)
        return tuple(target for target in found if target is not None)
