"""A hash of a note's own text, by which work that was done on it is known to be still about it."""

import hashlib
import json


def body_hash(path: str, text: str) -> str:
    """Of the path and what stands below the front matter, where a description of the note may be written."""
    parts = json.dumps({"path": path, "body": _below_front_matter(text)}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _below_front_matter(text: str) -> str:
    lines = text.lstrip("\ufeff").splitlines()
    is_fenced = bool(lines) and lines[0].rstrip() == "---"
    closing = (number for number, line in enumerate(lines) if number and line.rstrip() in ("---", "..."))
    end = next(closing, None) if is_fenced else None
    return "\n".join(lines if end is None else lines[end + 1 :]).strip()
