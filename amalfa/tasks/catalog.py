"""The catalog of tasks: every task by its name. A new task is one file and one line here."""

from typing import Any

from amalfa.tasks.analyze import Analyze
from amalfa.tasks.chat import Chat
from amalfa.tasks.extract import Extract
from amalfa.tasks.metadata import Metadata
from amalfa.tasks.rerank import Rerank
from amalfa.tasks.research import Research
from amalfa.tasks.snippet import Snippet
from amalfa.tasks.synthesize import Synthesize
from amalfa.tasks.task import Task

CATALOG: dict[str, Task[Any, Any]] = {
    task.name: task
    for task in (Analyze(), Metadata(), Snippet(), Rerank(), Synthesize(), Research(), Chat(), Extract())
}
