"""What a benchmark is asked to do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path(".cache") / "bench"

Wording = Literal["first", "second"]
"""Which words questions are asked in. The search was tuned in sight of the first, and knowing how the second failed."""


@dataclass(frozen=True, slots=True)
class Options:
    """`is_quick` trades spread for time: fewer notes, questions and runs. `results` is where JSON goes."""

    is_quick: bool = False
    seed: int = 7
    wording: Wording = "first"
    results: Path = RESULTS
