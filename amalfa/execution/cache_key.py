"""Names a call exactly, so that an equal one is known again: a hash over all that decides its reply. Keeps no text."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from amalfa.calls import Call, PrivacyClass, Prompt
from amalfa.messages import Message
from amalfa.providers.provider import Provider
from amalfa.routing.plan import Entry

REVISION = 1
"""Raised when the same words come to mean something else to sonar, so that what was kept before is not found."""


@dataclass(frozen=True, slots=True)
class CacheKey:
    """`digest` covers everything, the class and the team included; these stand beside it as the partition."""

    digest: bytes
    privacy: PrivacyClass
    team: str


def key_of(
    call: Call, entry: Entry, provider: Provider, prompt: Prompt, *, blanked_by: tuple[str, ...] = ()
) -> CacheKey:
    """The name of `prompt` at one model under one configuration of its provider.

    `blanked_by` are the rules by which it would be redacted before it left; that takes longer than all the rest here.
    `max_tokens` is the call's own, as what is left of it by the sizes of earlier replies changes all the time.
    """
    team = call.wish.team or ""
    told = (
        REVISION,
        (call.privacy, team, call.task),
        blanked_by,
        (str(entry.model), _digest_of(provider, entry.model.model), _identity_of(provider)),
        [_turn(message) for message in prompt.messages],
        prompt.schema,
        (prompt.temperature, call.prompt.max_tokens, prompt.may_be_cut, asdict(prompt.sampling)),
        (prompt.tools.definitions, prompt.tools.choice, prompt.tools.is_parallel) if prompt.tools else None,
    )
    written = json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return CacheKey(hashlib.sha256(written.encode("utf-8", "surrogatepass")).digest(), call.privacy, team)


def _turn(message: Message) -> tuple[object, ...]:
    calls = [(call.id, call.name, call.arguments) for call in message.tool_calls]
    return message.role, message.content, calls, message.tool_call_id


def _digest_of(provider: Provider, model: str) -> str:
    """Which build of a model the provider has, where it knows: one that is pulled again is another."""
    digest_of: Callable[[str], str] | None = getattr(provider, "digest_of", None)
    return digest_of(model) if digest_of else ""


def _identity_of(provider: Provider) -> str:
    """A name alone is not enough: the same one may be written for another address tomorrow."""
    return str(getattr(provider, "fingerprint", provider.name))


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
