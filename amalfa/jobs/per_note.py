"""The tasks that can be done over a whole folder: those whose input is one note. A new one is one line here."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache

from amalfa.errors import UsageProblem
from amalfa.tasks.metadata import SYSTEM, MetadataOutput
from amalfa.tasks.prompts import shortened
from amalfa.tasks.task import DESCRIBED_MAX_CHARACTERS, reply_schema


@dataclass(frozen=True, slots=True)
class PerNote:
    """A task over notes. `revision` changes with its prompt or its reply, and then every note is done again."""

    task: str
    revision: str
    system: str

    def prompt_like(self, text: str) -> str:
        """About what is sent for a note, for estimates."""
        return f"{self.system}\n\n{shortened(text, DESCRIBED_MAX_CHARACTERS)}"


@cache
def per_note(task: str) -> PerNote:
    """The task by its name. Raises UsageProblem for one that is not about single notes."""
    if task != "metadata":
        raise UsageProblem(f"{task} cannot be done over a folder.", hint="metadata can")
    shape = json.dumps(reply_schema(MetadataOutput), sort_keys=True)
    return PerNote(task, hashlib.sha256(f"{SYSTEM}\n{shape}".encode()).hexdigest()[:16], SYSTEM)
