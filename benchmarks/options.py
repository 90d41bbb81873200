"""What a benchmark is asked to do."""

from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(".cache") / "bench"


@dataclass(frozen=True, slots=True)
class Options:
    """`is_quick` trades spread for time: fewer notes, questions and runs. `results` is where JSON goes."""

    is_quick: bool = False
    seed: int = 7
    results: Path = RESULTS
