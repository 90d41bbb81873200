"""Help pages are kept as files, so that changes show in review. WRITE_HELP_PAGES=1 renews them."""

import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from amalfa.cli.lazy import LazyCommand, LazyGroup
from amalfa.cli.program import make_program

PAGES = Path(__file__).with_name("help")


def commands(group: LazyGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command, str]]:
    """Every command below the group: its path, itself, and its line in the table."""
    context = click.Context(group)
    for section in group.contents.values():
        for name, (_, line) in section.items():
            command = group.get_command(context, name)
            assert command is not None
            yield (*path, name), command, line
            if isinstance(command, LazyGroup):
                yield from commands(command, (*path, name))


ALL = [((), make_program(), ""), *commands(make_program())]
IDS = [" ".join(("amalfa", *path)) for path, _, _ in ALL]


@pytest.mark.parametrize(("path", "command", "line"), ALL, ids=IDS)
def test_the_help_page_is_the_one_that_was_agreed(path: tuple[str, ...], command: click.Command, line: str) -> None:
    done = CliRunner().invoke(make_program(), [*path, "--help"], prog_name="amalfa", terminal_width=80)
    assert done.exit_code == 0
    file = PAGES / f"{'-'.join(('amalfa', *path))}.txt"
    if os.environ.get("WRITE_HELP_PAGES"):
        file.write_text(done.output)
    assert done.output == file.read_text()


def test_every_page_kept_belongs_to_a_command() -> None:
    assert {file.stem for file in PAGES.glob("*.txt")} == {"-".join(("amalfa", *path)) for path, _, _ in ALL}


@pytest.mark.parametrize(("path", "command", "line"), ALL[1:], ids=IDS[1:])
def test_every_command_has_an_example_that_exists(path: tuple[str, ...], command: click.Command, line: str) -> None:
    assert isinstance(command, LazyCommand | LazyGroup)
    assert "amalfa" in command.examples
    assert line.endswith(".")
    assert len(line) <= 60
    assert command.name == path[-1]


@pytest.mark.parametrize(("path", "command", "line"), ALL, ids=IDS)
def test_every_option_is_explained(path: tuple[str, ...], command: click.Command, line: str) -> None:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert all(option.help for option in options)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_fits_eighty_columns(flag: str) -> None:
    page = CliRunner().invoke(make_program(), [flag], prog_name="amalfa", terminal_width=80).output
    assert all(len(line) <= 80 for line in page.splitlines())
