"""What the configuration allows to be spent, and how many tokens a prompt has at most. Pure; keeps no account."""

import json
import string
from collections.abc import Mapping
from typing import Literal

from amalfa.calls import Prompt
from amalfa.config.routing_settings import Budget
from amalfa.config.settings import Settings
from amalfa.execution.tally import Limit
from amalfa.messages import Message

BYTES_PER_TOKEN_USUALLY = 4
TOKENS_PER_MESSAGE = 8
"""What chat templates put around a message: a role, its marks, a line end; four to seven tokens in those we know."""

SHORT_REPLY_SHARE = 0.1
"""How much of its `max_tokens` a short reply takes, for people who want to know what a call may cost at least."""

# Tokens of one byte at most, in sixths: of letters and blanks, of signs, of digits, and of what is not ASCII.
_PLAIN, _SIGN, _DIGIT, _WIDE = 2, 4, 6, 3
_SIGNS = string.punctuation.encode()
_DIGITS = string.digits.encode()
_NOT_ASCII = bytes(range(128, 256))


def limits_for(settings: Settings, team: str | None) -> tuple[Limit, ...]:
    """The limits on money that hold for a call of `team`: everybody's, then the team's own."""
    sonar = settings.sonar
    limits = _limits(sonar.budget, "sonar.budget", None)
    own = _team_budget(settings, team)
    return limits if own is None else (*limits, *_limits(own, f"sonar.teams.{team}.budget", team))


def on_limit(settings: Settings, team: str | None) -> Literal["local", "refuse"]:
    """What happens at a limit. Where everybody's rule and the team's differ, the stricter holds."""
    own = _team_budget(settings, team)
    rules = (settings.sonar.budget.on_limit, own.on_limit if own else "local")
    return "refuse" if "refuse" in rules else "local"


def tokens_at_most(prompt: Prompt) -> int:
    """How many tokens a prompt has at most, judged by its bytes in UTF-8, as nobody tells the tokenizer.

    Words take three bytes a token or more. Digits count one each, because some tokenizers keep them apart; signs count
    two thirds (JSON, code, tables) and bytes that are not ASCII a half. Only text without words can be denser: base64,
    scripts that a tokenizer never learned. There the unused part of the reply's `max_tokens` has to make up for it,
    and what is booked in the end is the provider's own cost. The schema and the tools count, as they are sent with the
    prompt, and so does what tools were called with.
    """
    return sum(_tokens_at_most(text) + TOKENS_PER_MESSAGE for text in _texts(prompt))


def text_of(message: Message) -> str:
    """All the text of a message: what it says, and the tool calls in it."""
    if not message.tool_calls:
        return message.content
    return "\n".join((message.content, *(f"{call.name} {call.arguments}" for call in message.tool_calls)))


def json_of(value: Mapping[str, object]) -> str:
    """What is sent of a schema or a tool's definition."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _limits(budget: Budget, place: str, team: str | None) -> tuple[Limit, ...]:
    limits = []
    if budget.daily_usd is not None:
        limits.append(Limit(f"{place}.dailyUsd", "day", budget.daily_usd, team))
    if budget.monthly_usd is not None:
        limits.append(Limit(f"{place}.monthlyUsd", "month", budget.monthly_usd, team))
    return tuple(limits)


def _team_budget(settings: Settings, team: str | None) -> Budget | None:
    found = settings.sonar.teams.get(team) if team else None
    return found.budget if found else None


def _texts(prompt: Prompt) -> list[str]:
    schema = [] if prompt.schema is None else [json_of(prompt.schema)]
    tools = [json_of(definition) for definition in prompt.tools.definitions] if prompt.tools else []
    return [*map(text_of, prompt.messages), *schema, *tools]


def _tokens_at_most(text: str) -> int:
    encoded = text.encode("utf-8", "surrogatepass")
    signs, digits = _count(encoded, _SIGNS), _count(encoded, _DIGITS)
    wide = 0 if text.isascii() else _count(encoded, _NOT_ASCII)
    plain = len(encoded) - signs - digits - wide
    sixths = _PLAIN * plain + _SIGN * signs + _DIGIT * digits + _WIDE * wide
    return -(-sixths // 6)


def _count(encoded: bytes, kind: bytes) -> int:
    return len(encoded) - len(encoded.translate(None, kind))
