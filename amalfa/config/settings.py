"""Every setting of `amalfa.config.json`: its key, its type, its default and what it means, written once."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from amalfa.calls import TASKS, PrivacyClass, Tier
from amalfa.config.provider_settings import ProviderSettings
from amalfa.config.routing_settings import Budget, CatalogEntry, Routing, Team, Temperature
from amalfa.config.values import (
    CloudSwitch,
    Count,
    Flag,
    Group,
    OneOrMore,
    Patterns,
    Pipeline,
    Real,
    Seconds,
    Text,
    Texts,
    shorthand,
)

TASK_NAMES = TASKS
TaskName = Literal["analyze", "metadata", "snippet", "rerank", "synthesize", "research", "chat", "extract"]

DEFAULT_CLOUD_HOST = "openrouter.ai/api/v1"
DEFAULT_EXCLUDES = (
    ".git",
    ".hg",
    ".svn",
    "node_modules",
    ".venv",
    "venv",
    "__pycache__",
    ".cache",
    ".obsidian",
    ".trash",
)


class Docs(Group):
    """The notes that questions are answered from."""

    sources: Texts = Field(
        default=(".",),
        min_length=1,
        description="Files, folders and globs with the notes, relative to the project root. Places outside it need "
        "`amalfa trust`.",
    )
    exclude: Texts = Field(
        default=DEFAULT_EXCLUDES,
        description="Globs of files and folders to leave out; a list of your own replaces this one.",
    )
    watch: Flag = Field(default=True, description="Whether notes are indexed again as soon as they change.")
    embeddings: Text | None = Field(
        default=None, description="An embedding model, like `ollama:nomic-embed-text`; without one, words alone decide."
    )


class Cloud(Group):
    """The big model, at OpenRouter or on a server of your own."""

    enabled: CloudSwitch = Field(
        default=False, description='`true`, `false` (absolute: no byte goes out), or `"auto"`: when there is a key.'
    )
    mode: Literal["replace", "tiered"] = Field(
        default="replace",
        description="`replace`: every task goes to the cloud; `tiered`: light tasks stay local, heavy ones go out.",
    )
    provider: Literal["openrouter", "ollama"] = Field(
        default="openrouter", description="`openrouter`, or `ollama` for a GPU server of your own at `host`."
    )
    host: Text = Field(
        default=DEFAULT_CLOUD_HOST,
        description="Its address. Without a scheme: https (this machine: http); for `ollama` http and port 11434.",
    )
    model: Text = Field(default="qwen/qwen-2.5-72b-instruct", description="The model it runs.")


class TaskSettings(Group):
    """How one task is run. What is left out is the task's own default."""

    enabled: Flag = Field(default=True, description="`false`: the task is answered by the embedded engine.")
    model: OneOrMore = Field(default=(), description="The model for it, or several in order of preference.")
    tier: Tier | None = Field(default=None, description="Where it runs: `embedded`, `local` or `cloud`.")
    timeout: Seconds | None = Field(default=None, description="Seconds a call may take in all.")
    temperature: Temperature | None = Field(default=None, description="0 to 2.")
    max_tokens: Count | None = Field(default=None, description="Tokens the reply may have.")
    privacy: PrivacyClass | None = Field(default=None, description="How far its text may travel, if less far.")
    hint: Text | None = Field(default=None, description="The kind of work it is, a key of `sonar.routing.hints`.")


class Privacy(Group):
    """What may leave this machine."""

    default: PrivacyClass = Field(
        default=PrivacyClass.CLOUD_OK, description="The class of a text that nothing else marks: how far it may travel."
    )
    local_only: Texts = Field(default=(), description="Globs of notes that never leave, besides those marked private.")
    redact: Patterns = Field(
        default=(), description="Regular expressions; what they match is blanked before it leaves."
    )
    redact_built_in: Annotated[
        tuple[Literal["keys", "emails", "cards"], ...],
        shorthand(lambda value: tuple(value) if isinstance(value, list) else value, written=list[str]),
    ] = Field(default=("keys", "emails", "cards"), description="The built-in patterns that are blanked as well.")


def _only_enabled(value: object) -> object:
    return {"enabled": value} if isinstance(value, bool) else value


class Cache(Group):
    """Replies kept, to be given again to exactly the same call."""

    enabled: Flag = Field(default=True, description="Whether replies are kept.")
    max_age_days: Annotated[Real, Field(gt=0, le=3650)] = Field(default=7.0, description="Days a reply is good for.")
    max_size_mb: Count = Field(
        default=256, description="Megabytes on disk; replies that were not used for longest go first."
    )
    stale_if_error: Flag = Field(
        default=False,
        description="Whether a reply up to four times too old is given when every model that was asked failed.",
    )


class Concurrency(Group):
    """How much is done at once, and how much may wait."""

    local_per_host: Count | Literal["auto"] = Field(
        default="auto",
        description="Calls of one model that a local host works on at a time; `auto`: as many as it turns out to.",
    )
    cloud: Count = Field(
        default=32,
        description="Calls one cloud provider is sent at a time, where its `maxConcurrent` says nothing else.",
    )
    interactive_queue: Count = Field(
        default=32, description="Calls of people that may wait at one host; the next is turned away."
    )
    background_queue: Count = Field(default=1000, description="Calls of batch work that may wait.")


def _loopback_only(value: str) -> str:
    if value not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("must be this machine: 127.0.0.1, ::1 or localhost")
    return value


class Http(Group):
    """Sonar's routes on a TCP port of this machine, besides its socket."""

    enabled: Flag = Field(default=False, description="Whether the port is opened; callers need its token.")
    host: Annotated[Text, AfterValidator(_loopback_only)] = Field(
        default="127.0.0.1", description="The loopback address. A change needs `amalfa sonar restart`."
    )
    port: Annotated[Count, Field(le=65535)] = Field(
        default=3012, description="The port. A change needs `amalfa sonar restart`."
    )


def _with_every_task(tasks: Mapping[str, TaskSettings]) -> Mapping[str, TaskSettings]:
    return {name: TaskSettings() for name in TASK_NAMES} | dict(tasks)


def _with_both_providers(providers: Mapping[str, ProviderSettings]) -> Mapping[str, ProviderSettings]:
    return {name: ProviderSettings() for name in ("ollama", "openrouter")} | dict(providers)


class Sonar(Group):
    """The daemon, its models and its rules."""

    enabled: Flag = Field(default=True, description="`false`: the embedded engine serves every task.")
    auto_pull: Flag = Field(default=False, description="Whether a missing local model is pulled by itself.")
    model: Text = Field(default="qwen2.5:1.5b", description="The local model.")
    model_priority: Texts = Field(
        default=(), description="Local models in order of preference, used when `model` is not installed."
    )
    host: OneOrMore = Field(
        default=("localhost:11434",),
        min_length=1,
        description="Where Ollama listens; a list makes a pool. Scheme, port and path are optional.",
    )
    cloud: Cloud = Field(default_factory=Cloud, description="The big model.")
    tasks: Annotated[Mapping[TaskName, TaskSettings], AfterValidator(_with_every_task)] = Field(
        default={}, validate_default=True, description="Settings of single tasks."
    )
    providers: Annotated[Mapping[Text, ProviderSettings], AfterValidator(_with_both_providers)] = Field(
        default={}, validate_default=True, description="Providers of models by name; the built-in ones can be changed."
    )
    routing: Routing = Field(default_factory=Routing, description="How a model is chosen.")
    teams: Mapping[Text, Team] = Field(default={}, description="Routing and budget of single teams.")
    catalog: Mapping[Text, CatalogEntry] = Field(default={}, description="What is known of single models, by name.")
    budget: Budget = Field(default_factory=Budget, description="Limits on money.")
    privacy: Privacy = Field(default_factory=Privacy, description="What may leave this machine.")
    cache: Annotated[Cache, shorthand(_only_enabled, written=bool | Cache)] = Field(
        default_factory=Cache, description="Replies kept; `false` switches it off."
    )
    concurrency: Concurrency = Field(default_factory=Concurrency, description="How much is done at once.")
    http: Annotated[Http, shorthand(_only_enabled, written=bool | Http)] = Field(
        default_factory=Http, description="A TCP port of this machine; `true` opens it."
    )
    pipelines: Mapping[Text, Pipeline] = Field(default={}, description="Layered pipelines: an object or a file's path.")


class Settings(Group):
    """The whole configuration, every default filled in."""

    docs: Docs = Field(default_factory=Docs, description="The notes.")
    sonar: Sonar = Field(default_factory=Sonar, description="The daemon, its models and its rules.")
