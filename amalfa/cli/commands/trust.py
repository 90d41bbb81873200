"""`amalfa trust`: what a project's configuration asks for, and the user's leave for it."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from amalfa.cli.invocation import Invocation, current
from amalfa.cli.lazy import command
from amalfa.cli.reach import this_project
from amalfa.cli.safe_text import safe_line
from amalfa.errors import InvalidConfig, UntrustedConfig

if TYPE_CHECKING:
    from amalfa.config.trust import TrustRequest

EXAMPLES = """
amalfa trust
amalfa trust --yes
"""


@command("trust", examples=EXAMPLES)
@click.option("-y", "--yes", "is_granted", is_flag=True, help="Approve without asking.")
def trust(*, is_granted: bool) -> None:
    """Show which hosts, keys, commands and outside folders this project asks for, and approve them.

    Exactly what is listed is approved; a host or command that changes later is asked about again.
    """
    from amalfa.config.examine import examine
    from amalfa.config.trust import approve

    invocation = current()
    project = this_project(invocation)
    examined = examine(project, environ=invocation.environ)
    if examined.problems:
        raise InvalidConfig("The configuration is invalid.", hint="amalfa config check", problems=examined.problems)
    held = examined.held
    _list(invocation, examined.requests, held)
    if held and (is_granted or _is_allowed(invocation)):
        approve(project.root, held, environ=invocation.environ)
        invocation.note(f"Approved for {project.root}.")
        held = ()
    if invocation.is_json:
        granted = [request for request in examined.requests if request not in held]
        invocation.show_json({"held": [_fields(one) for one in held], "granted": [_fields(one) for one in granted]})
    if held:
        if invocation.is_json:
            raise click.exceptions.Exit(UntrustedConfig.exit_code)
        raise UntrustedConfig("Nothing was approved.", hint="amalfa trust --yes")


def _list(invocation: Invocation, requests: "Sequence[TrustRequest]", held: "Sequence[TrustRequest]") -> None:
    if invocation.is_json:
        return
    lines = []
    for one in requests:
        lines.append(f"{'asks for' if one in held else 'approved'}  {one.kind} {safe_line(one.target)}")
        lines.append(f"  {safe_line(str(one.problem))}")
    invocation.show(None, "\n".join(lines) or "This project asks for nothing that needs your leave.")


def _is_allowed(invocation: Invocation) -> bool:
    """Ask the person; nobody at the terminal means no."""
    if invocation.is_json or not sys.stdin.isatty():
        return False
    return click.confirm("Approve what it asks for?", default=False, err=True)


def _fields(request: "TrustRequest") -> dict[str, object]:
    return {
        "kind": request.kind,
        "provider": request.provider,
        "target": request.target,
        "reason": request.reason,
        "path": request.place.path,
        "line": request.place.line,
    }
