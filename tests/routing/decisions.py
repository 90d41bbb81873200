"""The words of the decision table: what is configured, how things stand, what is asked, and the plan that follows.

The rows stand in `decisions_*.py`, one file for each theme; `decisions_stage.py` plays them. What they expect
follows the contract of the product; where that is silent (ties, speeds nobody measured) they hold what was decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from amalfa.calls import PrivacyClass, Steering
from amalfa.providers.provider import Presence

Json = dict[str, object]

QWEN = "ollama:qwen2.5:1.5b"
PHI = "ollama:phi3"
LLAMA = "ollama:llama3:8b"
BIG = "openrouter:qwen/qwen-2.5-72b-instruct"
ROUTER = "openrouter:openrouter/auto"
FREE_MODEL = "openrouter:google/gemma-3-27b-it:free"
GPT4 = "openai:gpt-4"
GPT4O = "openai:gpt-4o"
OPUS = "anthropic:claude-3-opus-20240229"
ENGINE = "embedded:extractive"

CLOUD_OFF = {BIG: "cloud_disabled"}
"""What every plan refuses as long as nobody switched the cloud on."""
ALL_KEYS = ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")


@dataclass(frozen=True, slots=True)
class Ask:
    """The call. A prompt of 3,000 bytes is about 758 tokens, and 1,008 at most."""

    model: str | None = None
    task: str = "synthesize"
    prefer: str | None = None
    team: str | None = None
    hint: str | None = None
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK
    max_cost: float | None = None
    prompt_bytes: int = 3000
    max_tokens: int = 1000
    wants_json: bool = False
    offers_tools: bool = False


@dataclass(frozen=True, slots=True)
class Now:
    """How things stand. Ollama is up with qwen2.5:1.5b, and there is a key for every cloud, unless a row says else.

    `up` names what is installed at a local provider; `presences` says it in full. `calls` is how many free calls
    were just made, `left` what is left of a limit by its name, `took` milliseconds by model.
    """

    keys: tuple[str, ...] = ALL_KEYS
    env: Mapping[str, str] = field(default_factory=dict)
    dotenv: str = ""
    user: Mapping[str, object] = field(default_factory=dict)
    up: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    down: tuple[str, ...] = ()
    parked: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    presences: Mapping[str, Presence] = field(default_factory=dict)
    forwarded: tuple[str, ...] = ()
    in_memory: tuple[str, ...] = ()
    with_tools: tuple[str, ...] = ()
    without_tools: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    resting: tuple[str, ...] = ()
    calls: int = 0
    left: Mapping[str, float] = field(default_factory=dict)
    took: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the `sonar` part of the configuration, the moment, the call → the plan.

    `refused` is everything that was refused, with its code. `why` is in the reason of the head, `over_budget` in
    the sentence that money is to blame. `steering` and `temperature` are those of the head, where a row is about them.
    """

    id: str
    sonar: Json
    plan: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    ask: Ask = field(default_factory=Ask)
    now: Now = field(default_factory=Now)
    why: str = ""
    over_budget: str = ""
    steering: Steering | None = None
    temperatures: tuple[float | None, ...] | None = None


def on(*more: Json, **cloud: object) -> Json:
    """A configuration with the cloud switched on."""
    return merged({"cloud": {"enabled": True, **cloud}}, *more)


def routing(**keys: object) -> Json:
    return {"routing": keys}


def prefer(**keys: object) -> Json:
    return {"routing": {"preferences": keys}}


def task(name: str = "synthesize", **keys: object) -> Json:
    return {"tasks": {name: keys}}


def team(name: str, **keys: object) -> Json:
    return {"teams": {name: keys}}


def facts(model: str, **known: object) -> Json:
    """An entry of `sonar.catalog`; `input` and `output` are its price."""
    price = {key: known.pop(key) for key in ("input", "output") if key in known}
    return {"catalog": {model: known | ({"price": price} if price else {})}}


def merged(*parts: Json) -> Json:
    """Objects laid over each other, key by key."""
    whole: Json = {}
    for part in parts:
        for key, value in part.items():
            below = whole.get(key)
            whole[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return whole


CHOICE = merged(
    prefer(acceptableModels=["ollama:*", BIG, GPT4O, OPUS]),
    facts(QWEN, quality=0.3),
    facts(BIG, quality=0.78, input=0.4, output=0.4),
    facts(GPT4O, quality=0.88, input=2.5, output=10),
    facts(OPUS, quality=0.86, input=15, output=75),
)
"""Four models to choose from: one local, three clouds. None is both the best and the cheapest."""
