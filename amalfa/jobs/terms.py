"""A job's terms as they stand in the database: one JSON object. Also the hashes by which equal work is known."""

import hashlib
import json
from collections.abc import Mapping

from amalfa.calls import PrivacyClass, Wish
from amalfa.jobs.job import JobTerms, NoteToDo
from amalfa.knowledge.body import body_hash
from amalfa.tasks.desk import TaskRules


def terms_text(terms: JobTerms) -> str:
    wish = terms.wish
    return json.dumps(
        {
            "model": wish.model,
            "prefer": wish.prefer,
            "team": wish.team,
            "hint": wish.hint,
            "max_cost_usd": wish.max_cost_usd,
            "privacy": str(terms.privacy),
        }
    )


def terms_from(text: str) -> JobTerms | None:
    """The terms as they were written; None when the text is none of ours, so that nothing is guessed of its class."""
    try:
        told = json.loads(text)
        wish = Wish(told["model"], told["prefer"], told["team"], told["hint"], told["max_cost_usd"])
        return JobTerms(wish, PrivacyClass(told["privacy"]))
    except (ValueError, LookupError, TypeError):
        return None


def settings_hash_of(revision: str, terms: JobTerms, rules: TaskRules) -> str:
    """Everything besides the note that changes what a task makes of it.

    `revision` stands for the task's prompt and reply. Which model the configuration names is not in it: another
    default would otherwise have every note done again. A model that was asked for by name is.
    """
    wish = terms.wish
    return _hash(
        {
            "revision": revision,
            "model": wish.model,
            "prefer": wish.prefer,
            "team": wish.team,
            "hint": wish.hint,
            "temperature": rules.temperature,
            "max_tokens": rules.max_tokens,
        }
    )


def note_to_do(task: str, settings_hash: str, path: str, text: str) -> NoteToDo:
    """The note as an item. Its front matter is not hashed: a task's own result is written there."""
    content_hash = body_hash(path, text)
    return NoteToDo(path, content_hash, _hash({"task": task, "content": content_hash, "settings": settings_hash}))


def _hash(parts: Mapping[str, object]) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
