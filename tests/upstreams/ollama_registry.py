"""What a simulated Ollama can pull, how long that takes, and how far earlier pulls came."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Layer:
    digest: str
    total: int

    @property
    def status(self) -> str:
        return f"pulling {self.digest[:12]}"


@dataclass(slots=True)
class Registry:
    """`names` None = every valid name exists. `pull_s` is the time of a whole download.

    `done` remembers bytes per layer, so that a pull cut short resumes where it stopped.
    """

    names: set[str] | None = None
    pull_s: float = 0.0
    is_offline: bool = False
    done: dict[str, int] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return self.names is None or name in self.names

    def layers(self, name: str, size: int) -> list[Layer]:
        sizes = {"weights": size, "template": 1723, "license": 11357, "config": 487}
        return [Layer(hashlib.sha256(f"{name} {part}".encode()).hexdigest(), total) for part, total in sizes.items()]
