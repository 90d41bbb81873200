"""`amalfa completion`: the script that lets a shell complete amalfa's words."""

from typing import TYPE_CHECKING

import click

from amalfa.cli.invocation import current
from amalfa.cli.lazy import command
from amalfa.cli.program import COMPLETION_VARIABLE

if TYPE_CHECKING:
    from click.shell_completion import ShellComplete

EXAMPLES = """
amalfa completion bash > ~/.local/share/bash-completion/completions/amalfa
amalfa completion zsh > "${fpath[1]}/_amalfa"
amalfa completion fish > ~/.config/fish/completions/amalfa.fish
"""


@command("completion", examples=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, to be kept where that shell looks for it.

    Models are completed as well while sonar runs; nothing is started for it.
    """
    script = script_of(shell)
    current().show({"shell": shell, "script": script}, script)


def script_of(shell: str) -> str:
    """The script, made by click without asking which shell version is installed."""
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    kinds: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    making = kinds[shell](click.Command("amalfa"), {}, "amalfa", COMPLETION_VARIABLE)
    return making.source_template % making.source_vars()
