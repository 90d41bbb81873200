"""`amalfa init`: makes the current folder a project."""

import os
from pathlib import Path

from amalfa.cli.invocation import current
from amalfa.cli.lazy import command
from amalfa.cli.reach import current_folder
from amalfa.errors import UsageProblem
from amalfa.paths import CONFIG_NAME

ENV_EXAMPLE = ".env.example"


@command("init", examples="cd ~/notes && amalfa init")
def init() -> None:
    """Write a commented amalfa.config.json and a .env.example into the current folder.

    Files that are there already are left alone.
    """
    from amalfa.config.template import config_template, env_template

    invocation = current()
    folder = current_folder()
    texts = {CONFIG_NAME: config_template(), ENV_EXAMPLE: env_template()}
    written = [name for name, text in texts.items() if _write_new(folder / name, text)]
    kept = [name for name in texts if name not in written]
    lines = [*(f"Wrote {name}." for name in written), *(f"Left {name} as it is." for name in kept)]
    invocation.show({"folder": str(folder), "written": written, "kept": kept}, "\n".join(lines))
    if CONFIG_NAME in written:
        invocation.note('Next: amalfa ask "What is in these notes?"')


def _write_new(path: Path, text: str) -> bool:
    """Write a file that is not there yet; False when something, even a dangling link, has its name."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o644)
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}.", hint="choose a folder of your own") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True
