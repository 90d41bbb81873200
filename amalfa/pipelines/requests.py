"""Sends the HTTP requests of hooks, through the same door and under the same rules as the requests to providers."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio.to_thread

from amalfa.calls import Material, PrivacyClass, Prompt, Tier
from amalfa.clock import Clock
from amalfa.config.jsonc import Json
from amalfa.config.secret import EnvReference, Secret
from amalfa.errors import BadReply, UpstreamBroken
from amalfa.execution.redaction import Redactor
from amalfa.execution.size import size_of
from amalfa.messages import Message
from amalfa.pipelines.runnable import VARIABLE, Request
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.wire import Outgoing, Transport, Wire

REPLY_MAX_BYTES = 1 << 20
# A longer text is searched for what to blank in a thread of its own, as prompts are.
REDACT_ON_LOOP_MAX_CHARACTERS = 64_000

FindSecret = Callable[[str], Secret | None]
"""The value of a variable that a header names; None when it is not set."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a hook is told: the node it hangs on, the text that came to it, and its reply (None before it)."""

    node: str
    input: str
    output: str | None
    request_id: str

    @property
    def payload(self) -> bytes:
        """The JSON object that commands read from standard input."""
        told = {"node": self.node, "input": self.input, "output": self.output, "request_id": self.request_id}
        return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for the requests of one call. `off_reason` is "" unless nothing may leave the machine."""

    privacy: PrivacyClass
    off_reason: str
    redactor: Redactor
    find_secret: FindSecret
    clock: Clock
    transport: Transport | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A request that may be sent: closed and addressed. `tokens` of the text leave the machine with it."""

    wire: Wire
    outgoing: Outgoing
    tokens: int
    redactions: int


async def sealed(request: Request, said: Said, rules: Rules) -> Letter:
    """Make the request ready, what must not leave blanked. Raises Forbidden when it may not be sent at all."""
    redactions, tokens = 0, 0
    if not request.stays_here and request.carries_text:
        said, redactions = await _redacted(said, rules.redactor)
        tokens = size_of(_prompt(said)).likely_in
    address = Address(request.url, is_verified_local=request.stays_here)
    endpoint = Endpoint(
        f"The hook function {request.name}",
        "openai",  # an HTTP API that promises nothing about what it keeps
        Tier.LOCAL if request.stays_here else Tier.CLOUD,
        (address,),
        headers=tuple(_headers(request, rules.find_secret)),
        off_reason=rules.off_reason,
    )
    outgoing = Outgoing(
        address,
        "",
        # A GET holds nothing of the text, yet that it is made tells of the request.
        rules.privacy,
        body=_body(request, said) if request.carries_text else None,
        method=request.method,
        max_reply_bytes=REPLY_MAX_BYTES,
    )
    wire = Wire(endpoint, clock=rules.clock, transport=rules.transport)
    wire.check(outgoing)
    return Letter(wire, outgoing, tokens, redactions)


async def send(letter: Letter, *, deadline_s: float, clock: Clock) -> str:
    """Send it and return the text of the reply. Raises a CallError for anything but a good and whole one."""
    first_byte_s = max(deadline_s - clock.monotonic_s(), 0.0)
    try:
        reply_clock = letter.wire.reply_clock(deadline_s, first_byte_s=first_byte_s)
        async with letter.wire.open(letter.outgoing, reply_clock) as reply:
            if not 200 <= reply.status < 300:
                raise UpstreamBroken(f"{letter.outgoing.address.url} answered with status {reply.status}.")
            return _text_of(await reply.body(), reply.content_type)
    finally:
        with anyio.CancelScope(shield=True):
            await letter.wire.aclose()


def _headers(request: Request, find_secret: FindSecret) -> list[tuple[str, Secret]]:
    headers = []
    for name, written in request.headers:
        value = find_secret(written.name) if isinstance(written, EnvReference) else written
        if value is None:
            raise UpstreamBroken(f"{request.name} is not sent: {written} is not set.", hint=f"set {written} for sonar")
        headers.append((name, value))
    return headers


def _body(request: Request, said: Said) -> bytes:
    if request.body is None:
        return said.payload
    values = {"INPUT": said.input, "OUTPUT": said.output or "", "NODE": said.node, "REQUEST_ID": said.request_id}
    filled = _filled(request.body, lambda found: values.get(found[1] or found[2], found[0]))
    return json.dumps(filled, ensure_ascii=False).encode("utf-8", "replace")


def _filled(body: Json, value_of: Callable[[re.Match[str]], str]) -> Json:
    """The body with its variables replaced inside its texts, once: what they bring is not searched again."""
    if isinstance(body, str):
        return VARIABLE.sub(value_of, body)
    if isinstance(body, dict):
        return {key: _filled(inner, value_of) for key, inner in body.items()}
    if isinstance(body, list):
        return [_filled(inner, value_of) for inner in body]
    return body


async def _redacted(said: Said, redactor: Redactor) -> tuple[Said, int]:
    prompt = _prompt(said)
    if prompt.text_length <= REDACT_ON_LOOP_MAX_CHARACTERS:
        blanked, count = redactor.redacted(prompt)
    else:
        blanked, count = await anyio.to_thread.run_sync(redactor.redacted, prompt)
    first, *rest = (message.content for message in blanked.messages)
    return replace(said, input=first, output=rest[0] if rest else None), count


def _prompt(said: Said) -> Prompt:
    messages = [Message("user", said.input)]
    if said.output is not None:
        messages.append(Message("assistant", said.output))
    return Prompt(tuple(messages), Material(), max_tokens=0, temperature=0.0)


def _text_of(body: bytes, content_type: str) -> str:
    """The text in a reply: all of it, or what its JSON has as `text`."""
    try:
        text = body.decode("utf-8")
        if content_type != "application/json" or not text.strip():
            return text
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise BadReply("the reply is not readable as UTF-8 text or JSON") from None
    found = told.get("text") if isinstance(told, dict) else told
    return found if isinstance(found, str) else ""
