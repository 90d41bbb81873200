"""The models a simulated Ollama has: what they are called, what they can do, how big they are."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

MODIFIED = datetime(2026, 11, 20, 14, 43, 32, 966264, tzinfo=UTC)

_PART = r"[a-z0-9_][a-z0-9_\-.]{0,79}"
_NAME = re.compile(
    rf"(?:(?P<host>[a-z0-9][a-z0-9.\-:]{{0,349}})/)??(?:(?P<space>[a-z0-9_][a-z0-9_\-]{{0,79}})/)?"
    rf"(?P<model>{_PART})(?::(?P<tag>{_PART}))?",
    re.IGNORECASE,
)
_FAMILIES = ("qwen3", "qwen2", "llama", "gemma3", "gemma", "mistral", "phi3", "nomic-bert", "bert", "gptoss")


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """One installed model. `name` is complete (`qwen2.5:1.5b`); a name without a tag gets `:latest`.

    `path` says which of Ollama's two chat paths serves it. `blob` is the identity of the weights: copies
    share one runner. `num_ctx` None = no PARAMETER num_ctx. `remote_host` makes it a cloud stub.
    `listed_capabilities` is what /api/tags says where that differs from /api/show.
    """

    name: str
    capabilities: tuple[str, ...] = ("completion", "tools")
    family: str = "qwen2"
    parameter_size: str = "1.5B"
    quantization: str = "Q4_K_M"
    context_length: int = 32768
    embedding_length: int = 1536
    size: int = 986_061_892
    path: Literal["rendered", "native"] = "rendered"
    blob: str = ""
    parent: str = ""
    num_ctx: int | None = None
    system: str = ""
    remote_host: str = ""
    remote_model: str = ""
    listed_capabilities: tuple[str, ...] | None = None
    modified_at: datetime = field(default=MODIFIED)

    def __post_init__(self) -> None:
        if ":" not in self.name.rpartition("/")[2]:
            object.__setattr__(self, "name", f"{self.name}:latest")
        if not self.blob:
            object.__setattr__(self, "blob", hashlib.sha256(f"weights {self.name}".encode()).hexdigest())

    @property
    def digest(self) -> str:
        """The manifest's digest: equal for plain copies, different for models with other parameters."""
        return hashlib.sha256(f"manifest {self.blob} {self.num_ctx} {self.system}".encode()).hexdigest()

    @property
    def is_embedding(self) -> bool:
        return "embedding" in self.capabilities

    @property
    def thinks(self) -> bool:
        return "thinking" in self.capabilities

    @property
    def qualified(self) -> str:
        """`registry.ollama.ai/library/NAME:TAG`, as some errors print it."""
        parts = self.name.split("/")
        return "/".join([*("registry.ollama.ai", "library")[: 3 - len(parts)], *parts])

    def details(self) -> dict[str, Any]:
        return {
            "parent_model": self.parent,
            "format": "gguf",
            "family": self.family,
            "families": [self.family],
            "parameter_size": self.parameter_size,
            "quantization_level": self.quantization,
        }


def model_named(name: str) -> OllamaModel:
    """A plausible model for a name: embedding, thinking, vision and cloud models are known by their names."""
    lower = name.lower()
    if asks_for_cloud(name):
        base = re.sub(r"(:cloud|-cloud)$", "", lower)
        capabilities = ("completion", "tools", "thinking")
        return OllamaModel(
            name, capabilities, size=384, remote_host="https://ollama.com:443", remote_model=base, family="gptoss"
        )
    if "embed" in lower or "bge" in lower or "minilm" in lower:
        return OllamaModel(
            name,
            ("embedding",),
            "nomic-bert",
            "137M",
            "F16",
            context_length=2048,
            embedding_length=768,
            size=274_302_450,
        )
    thinks = re.match(r"(qwen3|deepseek-r1|gpt-oss|.*think)", lower) is not None
    sees = re.match(r"(llava|gemma3|.*vision|.*-vl)", lower) is not None
    capabilities = ("completion", "tools", *(("thinking",) if thinks else ()), *(("vision",) if sees else ()))
    family = next((one for one in _FAMILIES if lower.startswith(one)), "llama")
    size = re.search(r"(\d+(?:\.\d+)?)b\b", lower)
    billions = float(size[1]) if size else 7.0
    return OllamaModel(name, capabilities, family, f"{billions:g}B", size=int(billions * 657_000_000))


def is_valid_name(name: str) -> bool:
    return _NAME.fullmatch(name.strip()) is not None


def asks_for_cloud(name: str) -> bool:
    return name.lower().endswith(":cloud") or (":" in name and name.lower().endswith("-cloud"))


def with_tag(name: str) -> str:
    """The name as the server prints it: blanks and default host and namespace gone, the tag always there."""
    name = re.sub(r"^[a-z]+://", "", name.strip())
    name = name.removeprefix("registry.ollama.ai/").removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


class Library:
    """The installed models, found by name the way Ollama compares names."""

    def __init__(self, models: list[OllamaModel]) -> None:
        self._models = {model.name.lower(): model for model in models}

    def __iter__(self) -> Iterator[OllamaModel]:
        return iter(list(self._models.values()))

    def find(self, name: str) -> OllamaModel | None:
        """Ignores case, blanks around the name, the default tag, host and namespace, and a `:local` ending."""
        wanted = with_tag(name).lower()
        if wanted.endswith(":local"):
            wanted = with_tag(wanted.removesuffix(":local"))
        return self._models.get(wanted)

    def install(self, model: OllamaModel | str) -> OllamaModel:
        made = model_named(model) if isinstance(model, str) else model
        self._models[made.name.lower()] = made
        return made

    def copy(self, model: OllamaModel, name: str) -> None:
        self.install(replace(model, name=with_tag(name)))

    def remove(self, model: OllamaModel) -> None:
        self._models.pop(model.name.lower(), None)

    def newest_first(self) -> list[OllamaModel]:
        return sorted(self, key=lambda model: -int(model.modified_at.timestamp()))
