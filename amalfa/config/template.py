"""The files that `amalfa init` writes, as texts. Writes nothing itself."""

from pathlib import Path

from amalfa.config.environment import VARIABLES

_HEADER = """\
# Keys and settings for sonar, read from `.env` beside amalfa.config.json. Copy this file to `.env`, take away the
# `#` of the lines you need, and keep `.env` out of version control (chmod 600 .env).
# The process environment wins over `.env`, and both win over amalfa.config.json. Empty means unset.
"""
_PROCESS_ONLY = """\

# Read from the process environment only, never from `.env`:
"""


def config_template() -> str:
    """A commented `amalfa.config.json` that holds the defaults."""
    return Path(__file__).with_name("template.json5").read_text(encoding="utf-8")


def env_template() -> str:
    """A commented `.env.example` that names every variable read."""
    lines = [_HEADER]
    for group, uses in (("\n", ("key", "setting")), (_PROCESS_ONLY, ("process",))):
        lines.append(group)
        lines += [f"# {one.meaning}\n#{one.name}=\n" for one in VARIABLES if one.use in uses]
    return "".join(lines)
