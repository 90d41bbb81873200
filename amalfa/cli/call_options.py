"""The options of every command that asks a model: which one, on which side, for whom, for how long, for how much."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from amalfa.errors import UsageProblem

GRACE_S = 2.0
"""What sonar gets beyond the caller's limit, so that its own word on the time-out arrives first."""

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_Function = TypeVar("_Function", bound=Callable[..., Any])


def call_options(function: _Function) -> _Function:
    """Add `-m` and what `limit_options` adds to a command; see `Wishes`."""
    return _model_option(limit_options(function))


def limit_options(function: _Function) -> _Function:
    """Add `--no-cache` and all but `-m` of what `plan_options` adds, for what has its models written down."""
    no_cache = click.option("--no-cache", is_flag=True, help="Ask a model even if the reply is known, and keep none.")
    return _narrowing_options(no_cache(function))


def plan_options(function: _Function) -> _Function:
    """Add `-m`, `--local`, `--cloud`, `--team`, `--hint`, `--max-cost` and `--timeout`: all that a choice goes by."""
    return _model_option(_narrowing_options(function))


def _model_option(function: _Function) -> _Function:
    model = click.option(
        "-m", "--model", metavar="MODEL", shell_complete=_models, help="Ask this model, e.g. ollama:qwen2.5:1.5b."
    )
    return model(function)


def _narrowing_options(function: _Function) -> _Function:
    for option in (
        click.option(
            "--timeout",
            type=click.FloatRange(0, 3600, min_open=True),
            metavar="SECONDS",
            help="Give up after this long.",
        ),
        click.option(
            "--max-cost",
            type=click.FloatRange(min=0),
            metavar="USD",
            help="Ask no model that may cost more than this.",
        ),
        click.option("--hint", metavar="HINT", help="The kind of work, a key of sonar.routing.hints."),
        click.option("--team", metavar="TEAM", help="Use the rules and the budget of this team."),
        click.option("--cloud", is_flag=True, help="Only models in the cloud, as far as the rules allow."),
        click.option("--local", is_flag=True, help="Only models on this machine."),
    ):
        function = option(function)
    return function


def _models(context: click.Context, parameter: click.Parameter, typed: str) -> "list[CompletionItem]":
    from amalfa.cli.completing import models  # loaded by a shell that completes, and by nothing else

    return models(context, typed)


class Wishes:
    """What the caller would like of the call, as sonar's routes take it."""

    def __init__(self, flags: Mapping[str, Any]) -> None:
        if flags["local"] and flags["cloud"]:
            raise UsageProblem("--local and --cloud exclude each other.", hint="give one of them, or neither")
        self.model: str | None = flags.get("model")
        self.prefer = "local" if flags["local"] else "cloud" if flags["cloud"] else None
        self.team: str | None = flags["team"]
        self.hint: str | None = flags["hint"]
        self.max_cost_usd: float | None = flags["max_cost"]
        self.timeout_s: float | None = flags["timeout"]
        self.is_cache_unwanted: bool = flags.get("no_cache", False)

    def fields(self) -> dict[str, object]:
        """The fields of the request body; what was not asked for is left out."""
        timeout_ms = None if self.timeout_s is None else max(1, round(self.timeout_s * 1000))
        wishes = {
            "model": self.model,
            "prefer": self.prefer,
            "team": self.team,
            "hint": self.hint,
            "maxCostUsd": self.max_cost_usd,
            "timeoutMs": timeout_ms,
            "noCache": self.is_cache_unwanted or None,
        }
        return {name: value for name, value in wishes.items() if value is not None}

    @property
    def patience_s(self) -> float | None:
        """How long the client itself waits; None = as long as sonar shows life."""
        return None if self.timeout_s is None else self.timeout_s + GRACE_S
