"""Names files the way sonar does: by their path below the project root, wherever the command was typed."""

import os
from pathlib import Path

from amalfa.errors import TooLarge, UsageProblem

MAX_BYTES = 2 * 1024 * 1024


def within_root(pattern: str, root: Path) -> str:
    """A path or glob as typed in the current folder, as one from the project root.

    What names nothing here and is not below the root stays as it is: it may be meant from the root.
    """
    typed = Path(pattern).expanduser()
    is_here = os.path.lexists(typed) or typed.is_absolute() or pattern.startswith(("./", "../"))
    below = below_root(typed, root) if is_here else None
    return pattern if below is None else below


def below_root(path: str | os.PathLike[str], root: Path) -> str | None:
    """The path of a file relative to the root, with forward slashes; None when it is elsewhere."""
    absolute = Path(os.path.normpath(Path.cwd() / Path(path).expanduser()))
    real = absolute.parent.resolve() / absolute.name  # a link keeps its own name, as sonar lists it by that
    return real.relative_to(root).as_posix() if real.is_relative_to(root) else None


def read_text(path: str) -> str:
    """The text of a file that is no note. Raises UsageProblem for what is no readable text, TooLarge past 2 MiB."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}.", hint="name a text file") from None
    if len(data) > MAX_BYTES:
        raise TooLarge(f"{path} is larger than {MAX_BYTES // 1024**2} MiB.", hint="pass the part that matters on stdin")
    if b"\0" in data:
        raise UsageProblem(f"{path} is binary, not text.", hint="name a text file")
    return data.decode("utf-8", "replace")
