"""`amalfa doctor`: looks at everything amalfa needs, says what is wrong, and what to do about each thing."""

from collections.abc import Callable, Iterator, Sequence

import click

from amalfa.cli.checkup import configured, machine, models, running
from amalfa.cli.checkup.finding import Finding, problem
from amalfa.cli.checkup.patient import Patient
from amalfa.cli.invocation import Invocation, current
from amalfa.cli.lazy import command
from amalfa.cli.reach import current_folder
from amalfa.cli.safe_text import safe_line
from amalfa.cli.table import wrapped
from amalfa.cli.wording import count
from amalfa.errors import AmalfaError

Check = Callable[[Patient], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    machine.check_python,
    machine.check_home,
    machine.check_files,
    machine.check_room,
    machine.check_watching,
    machine.check_terminal,
    configured.check_project,
    configured.check_config,
    configured.check_trust,
    configured.check_secret_files,
    configured.check_keys,
    configured.check_sources,
    running.check_sonar,
    running.check_config_in_force,
    running.check_keys_in_force,
    running.check_cloud,
    running.check_index,
    models.check_ollama,
)

EXAMPLES = """
amalfa doctor
amalfa doctor --fix
amalfa doctor --json
"""


@command("doctor", examples=EXAMPLES)
@click.option("--fix", "is_fixing", is_flag=True, help="Do the fixes that are safe: modes of files and folders.")
def doctor(*, is_fixing: bool) -> None:
    """Check the whole set-up: machine, configuration, keys, daemon, models, notes. Needs none of them to work.

    Nothing is started or changed without --fix. Exit 1 when there is a problem.
    """
    invocation = current()
    found = examine_all(invocation)
    fixed = _mend(found) if is_fixing else []
    if fixed:
        found = examine_all(invocation)
    problems = [finding for finding in found if finding.state == "problem"]
    if invocation.is_json:
        data = {"healthy": not problems, "fixed": fixed, "findings": [_fields(finding) for finding in found]}
        invocation.show_json(data)
    else:
        invocation.write(_text(found, fixed, invocation))
    if problems:
        raise click.exceptions.Exit(AmalfaError.exit_code)


def examine_all(invocation: Invocation) -> list[Finding]:
    """What every check found. One that fails is a finding itself and keeps no other from running."""
    patient = Patient(invocation.environ, start=current_folder(), config=invocation.config)
    return [finding for check in CHECKS for finding in _run(check, patient)]


def _run(check: Check, patient: Patient) -> list[Finding]:
    name = check.__name__.removeprefix("check_")
    try:
        return list(check(patient))
    except AmalfaError as error:
        return [problem(name, error.message, error.hint or "amalfa sonar logs")]
    except Exception as error:  # a check meets whatever is broken on this machine; that is a finding, too
        return [
            problem(
                name, f"This could not be checked ({type(error).__name__}: {error}).", "AMALFA_DEBUG=1 amalfa doctor"
            )
        ]


def _mend(found: Sequence[Finding]) -> list[str]:
    """Do what is safe, and return what was done."""
    done = []
    for finding in found:
        if finding.mend is not None:
            try:
                finding.mend()
            except OSError:
                continue  # the second look reports it again
            done.append(finding.fix)
    return done


def _fields(finding: Finding) -> dict[str, object]:
    return {"check": finding.check, "state": finding.state, "message": finding.message, "fix": finding.fix}


def _text(found: Sequence[Finding], fixed: Sequence[str], invocation: Invocation) -> str:
    screen = invocation.out
    styles = {"ok": "green", "warning": "yellow", "problem": "red"}
    lines = [f"Done: {safe_line(one)}" for one in fixed]
    for finding in found:
        lines.append(f"{screen.paint(f'{finding.state:<8}', styles[finding.state])} {finding.check}")
        lines.append(wrapped(safe_line(finding.message), width=screen.width, indent="         "))
        if finding.fix:
            lines.append(f"         Fix: {safe_line(finding.fix)}")
    problems = sum(finding.state == "problem" for finding in found)
    warnings = sum(finding.state == "warning" for finding in found)
    lines.append(f"{count(problems, 'problem')}, {count(warnings, 'warning')}.")
    return "\n".join(lines) + "\n"
