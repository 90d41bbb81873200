"""What was asked for on the command line as a whole: the global flags, and where the output goes."""

import json
import os
import sys
from collections.abc import Mapping
from typing import TextIO

import click

from amalfa.cli.safe_text import safe, safe_json
from amalfa.cli.terminal import Screen, screen_for

SCHEMA = 1
"""Version of the JSON every command prints; `output.schema.json` describes it."""

_PREFIX = "amalfa."


class Invocation:
    """The global flags of one run of `amalfa`, and its two outputs: data on `out`, everything else on `err`."""

    def __init__(self, flags: Mapping[str, object], environ: Mapping[str, str]) -> None:
        config = flags.get("config")
        self.config = config if isinstance(config, str) else None
        self.is_json = flags.get("json") is True
        self.is_quiet = flags.get("quiet") is True
        self.no_daemon = flags.get("no_daemon") is True
        self.color = str(flags.get("color", "auto"))
        self.environ = environ
        self.out = self._screen(sys.stdout)
        self.err = self._screen(sys.stderr)

    def _screen(self, stream: TextIO) -> Screen:
        return screen_for(stream, color=self.color, environ=self.environ)

    def show(self, data: object, text: str) -> None:
        """Print the result of a command: the JSON envelope, or the text (made safe, "" prints nothing)."""
        if self.is_json:
            self.show_json(data)
        elif text:
            self.write(safe(text).rstrip("\n") + "\n")

    def show_json(self, data: object) -> None:
        self.write(safe_json(json.dumps({"ok": True, "schema": SCHEMA, "data": data}, ensure_ascii=False)) + "\n")

    def write(self, text: str) -> None:
        """Put text on standard output as it is, at once. It has to be safe already."""
        self.out.stream.write(text)
        self.out.stream.flush()

    def note(self, text: str, *, style: str = "") -> None:
        """Tell something beside the data; --quiet leaves it out."""
        if not self.is_quiet:
            self.warn(text, style=style)

    def warn(self, text: str, *, style: str = "") -> None:
        """Tell something that must be seen even with --quiet."""
        text = safe(text)
        self.err.stream.write((self.err.paint(text, style) if style else text) + "\n")
        self.err.stream.flush()


def current() -> Invocation:
    """The invocation of the command that is running; made from the flags before and after the command's name."""
    meta = click.get_current_context().meta
    flags = {key.removeprefix(_PREFIX): value for key, value in meta.items() if key.startswith(_PREFIX)}
    return Invocation(flags, os.environ)


def remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep a global flag for `current`. One that was not given leaves what stood before the command's name."""
    if parameter.name and value is not None and value is not False:
        context.meta[_PREFIX + parameter.name] = value
