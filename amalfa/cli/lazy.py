"""click's groups and commands as `amalfa` uses them: loaded on demand, global flags anywhere, help in sections."""

import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from amalfa.cli.contents import Contents
from amalfa.cli.invocation import remember

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from typing_extensions import override
else:

    def override(method: Callable[..., Any]) -> Callable[..., Any]:
        """Mark an overriding method for the type checker, without the 20 ms that typing_extensions takes to load."""
        return method


NAMES = {"help_option_names": ["-h", "--help"]}


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from amalfa import __version__

        click.echo(f"amalfa {__version__}")
        context.exit()


def _global_options() -> list[click.Parameter]:
    """Fresh ones for each command, as click binds a parameter to the command it belongs to."""

    def option(*names: str, **attributes: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=remember, **attributes)

    version = click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_print_version,
        help="Print the version.",
    )
    return [
        option("--config", metavar="PATH", help="Use this configuration file."),
        option("--json", is_flag=True, help="Print one JSON object."),
        option("--quiet", "-q", is_flag=True, help="Print the data and errors only."),
        option("--color", type=click.Choice(["auto", "always", "never"]), help="When to use colours."),
        option("--no-daemon", is_flag=True, help="Do the work in this process, without sonar."),
        version,
    ]


class HelpInstead(click.UsageError):
    """A group was called without a command: its help page is the answer, and it is a usage error all the same."""


class LazyCommand(click.Command):
    """A command that also takes the global flags, lists them apart, and ends its help with examples."""

    def __init__(self, *arguments: Any, examples: str = "", **attributes: Any) -> None:
        attributes.setdefault("context_settings", NAMES)
        attributes["params"] = [*(attributes.get("params") or []), *_global_options()]
        super().__init__(*arguments, **attributes)
        self.examples = examples

    @override
    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_options(self, ctx, formatter)

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(self.examples, formatter)


class LazyGroup(click.Group):
    """A group whose commands are named in a table and imported when they are called."""

    def __init__(self, *arguments: Any, contents: Contents, examples: str = "", **attributes: Any) -> None:
        attributes.setdefault("context_settings", NAMES)
        attributes["params"] = [*(attributes.get("params") or []), *_global_options()]
        super().__init__(*arguments, **attributes)
        self.contents = contents
        self.examples = examples

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            raise HelpInstead(self.get_help(ctx), ctx)
        return super().parse_args(ctx, args)

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in self.contents.values() for name in section]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in self.contents.values():
            if cmd_name in section:
                module, _, attribute = section[cmd_name][0].partition(":")
                command = getattr(importlib.import_module(module), attribute)
                if not isinstance(command, click.Command):
                    raise TypeError(f"{section[cmd_name][0]} is no command")
                return command
        return None

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is not None:
            return name, command, args[1:]
        raise click.UsageError(f"No such command {name!r}.{_suggestion(name, self.list_commands(ctx))}", ctx)

    @override
    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        # The original imports every command for its help line, which the table has already.
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        rows = [row for section in self.contents.values() for row in section.items()]
        return [CompletionItem(name, help=entry[1]) for name, entry in rows if name.startswith(incomplete)]

    @override
    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, section in self.contents.items():
            with formatter.section(heading):
                formatter.write_dl([(name, entry[1]) for name, entry in section.items()])
        _write_options(self, ctx, formatter)

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(self.examples, formatter)
        if self.epilog:
            formatter.write("\n" + self.epilog.strip("\n") + "\n")


def command(name: str, *, examples: str) -> Callable[[Callable[..., Any]], LazyCommand]:
    """Make a function a command of `amalfa`. Its docstring is the help text; `examples` are whole command lines."""
    return click.command(name, cls=LazyCommand, examples=examples)


def _write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    own: list[tuple[str, str]] = []
    common: list[tuple[str, str]] = []
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None and isinstance(parameter, click.Option):
            is_common = parameter.name in _COMMON or parameter is command.get_help_option(ctx)
            (common if is_common else own).append(record)
    for heading, records in (("Options", own), ("Options of every command", common)):
        if records:
            with formatter.section(heading):
                formatter.write_dl(records)


_COMMON = frozenset({"config", "json", "quiet", "color", "no_daemon", "version"})


def _write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    lines = list(_lines(examples))
    if lines:
        with formatter.section("Examples"):
            for line in lines:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def _lines(block: str) -> Iterator[str]:
    return (line.strip() for line in block.strip().splitlines())


def _suggestion(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # 8 ms that only a mistyped command pays

    close = get_close_matches(name, known, n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
