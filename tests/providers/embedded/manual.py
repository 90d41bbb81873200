"""A small manual and ways to ask the engine about it."""

from amalfa.calls import JsonSchema, Material, Passage, PrivacyClass, Prompt
from amalfa.providers.provider import Request

MANUAL = """\
---
title: Sonar manual
aliases: [sonar guide]
tags: [manual, sonar]
---

# Sonar manual

Sonar is a daemon that answers questions over a folder of notes. It watches the folder and keeps an index.
Most people never start it by hand, because the first question does.

## Switching to the cloud

Sonar works locally unless told otherwise. To switch sonar to the cloud, set `sonar.cloud.enabled` to `true`.
The key is read from `.env`:

```sh
echo 'OPENROUTER_API_KEY=sk-or-...' >> .env
amalfa config set sonar.cloud.enabled true
```

Costs are listed by `amalfa usage`. Clouds of other makers are not supported.

## Files

The socket is kept in the project's state folder as `sonar.sock`. Its mode is 0600.
Logs are written to `logs/sonar.log` and rotated at 5 MB. Five old files are kept.

## Exit codes

Every command ends with one of these codes:

| code | meaning |
|---|---|
| 3 | sonar is not running |
| 4 | nothing found in the notes |
| 5 | no provider could serve |
| 6 | the call ran out of time |

## Limits

- **Memory:** at most 80 MB when idle
- **Questions at once:** 64, then callers are told to wait
- The index is refreshed every 10 minutes because some editors hide their edits from watchers.
"""

COOKING = """\
# Tomato soup

Roast the tomatoes at 190 °C for 40 minutes. Serves 4 people.
"""

ANY_OBJECT: JsonSchema = {"type": "object"}


def passages_of(text: str, path: str = "playbooks/sonar-manual.md", title: str = "Sonar manual") -> tuple[Passage, ...]:
    """The text's sections as passages, the way an index would cut them."""
    lines = text.splitlines()
    begins = [0, *(at for at, line in enumerate(lines) if line.startswith("## "))]
    pairs = zip(begins, [*begins[1:], len(lines)], strict=True)
    return tuple(
        Passage(
            path=path,
            start_line=begin + 1,
            end_line=end,
            heading=" > ".join([title, *([lines[begin].removeprefix("## ")] if begin else [])]),
            text="\n".join(lines[begin:end]),
            title=title,
        )
        for begin, end in pairs
    )


def request(task: str, material: Material, *, schema: JsonSchema | None = None, max_tokens: int = 800) -> Request:
    prompt = Prompt((), material, max_tokens, 0.0, schema)
    return Request("extractive", prompt, PrivacyClass.LOCAL_ONLY, 0.0, "r-1", task)
