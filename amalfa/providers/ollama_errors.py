"""Turns what Ollama says when it does not answer into the project's own errors. The status counts before the text."""

import json
import re
import shlex

from amalfa.errors import (
    BadRequestUpstream,
    CallError,
    ContextTooLong,
    ModelMissing,
    ModelRefused,
    OutOfMemory,
    Overloaded,
    RateLimited,
    Truncated,
    Unauthorized,
    UpstreamBroken,
)
from amalfa.providers.asked import Asked
from amalfa.providers.ollama_names import is_cloud_name
from amalfa.providers.untrusted_json import EMPTY, JsonObject, count_at, object_at, parse_object, text_at
from amalfa.providers.upstream_text import shown

_MEMORY = re.compile(
    r"more system memory|out of memory|failed to allocate|unable to allocate|cudamalloc|"
    r"not enough memory|insufficient memory|cannot allocate memory",
    re.IGNORECASE,
)
_CONTEXT = re.compile(r"exceed_context|context (?:size|length|window)|longer than the context", re.IGNORECASE)
_CONTEXT_COUNTS = re.compile(r"\((\d+) tokens\).*?\((\d+) tokens\)")
_CAPABILITY = re.compile(r"does not support|unknown model architecture|cannot run this remote model", re.IGNORECASE)
_NO_TOOLS = re.compile(r"does not support tools", re.IGNORECASE)
# Of several versions: the schema has words that no grammar can be made of, or a server before 0.5 takes no schema.
_FORMAT = re.compile(
    r"invalid json schema|json schema conversion failed|json_schema|"
    r"(?:parse|parsing|parser|initialize|load) grammar|field ChatRequest\.format",
    re.IGNORECASE,
)
_OUR_MISTAKE = re.compile(r"\Ainvalid format|\Aoption \"", re.IGNORECASE)
_RUNAWAY = re.compile(r"token repeat limit", re.IGNORECASE)
# Errors of the model process arrive as a printed Go map: map[code:500 message:… type:server_error].
_GO_MAP = re.compile(r"map\[.*?message:(.*?)(?: type:\S*)?\]\Z", re.DOTALL)


class FormatRefused(BadRequestUpstream):
    """The host can hold no reply to the schema that was sent along; without it the same request may be taken."""


class ToolsRefused(ModelRefused):
    """The model takes no tools; the host says so of the model, whatever is asked."""


def failure_of_status(status: int, body: str, asked: Asked, *, retry_after_s: float | None = None) -> CallError:
    """The error for a reply whose status is not 200. `retry_after_s` is what a proxy or a hosted Ollama asked for."""
    said, details = _unwrap(body)
    text = shown(said, asked.endpoint.secrets)
    if status in (401, 403):
        return _not_allowed(status, body, text, asked)
    if status == 404:
        return _not_found(body, text, asked)
    if status == 429:
        message = f"{asked.where} asks to slow down: {text or 'no reason given'}"
        return RateLimited(message, retry_after_s=retry_after_s)
    if status == 503:
        return Overloaded(f"The queue of {asked.where} is full: {text or 'no reason given'}", hint="try again shortly")
    if 400 <= status <= 501:
        return _by_text(said, details, asked) or _unexplained(status, text, asked)
    return _unexplained(status, text, asked)


def tools_refused(asked: Asked) -> ToolsRefused:
    """The error for a request with tools at a model that takes none."""
    return ToolsRefused(f"{asked.model} at {asked.where} does not take tools.", hint="choose a model that does")


def pull_hint(model: str) -> str:
    """How to get a model that is not installed: Ollama's own command, and the one that works for any host."""
    quoted = shlex.quote(model)
    return f"ollama pull {quoted}, or amalfa models pull {quoted}"


def failure_in_stream(line: str, asked: Asked) -> CallError:
    """The error for an `{"error": …}` line, which comes with status 200 after the reply has begun."""
    said, details = _unwrap(json.dumps({"error": line}))
    text = shown(said, asked.endpoint.secrets)
    return _by_text(said, details, asked) or UpstreamBroken(f"{asked.model} failed at {asked.where}: {text}")


def _by_text(said: str, details: JsonObject, asked: Asked) -> CallError | None:
    """What the text tells where the status does not: Ollama answers 400 and 500 to quite different things."""
    text = shown(said, asked.endpoint.secrets)
    if _CONTEXT.search(said) or text_at(details, "type") == "exceed_context_size_error":
        return _context(said, details, asked)
    if _MEMORY.search(said):
        hint = "choose a smaller model or free memory, for instance with `ollama stop` for other models"
        return OutOfMemory(f"{asked.where} lacks the memory for {asked.model}: {text}", hint=hint)
    if _RUNAWAY.search(said):
        return Truncated(f"{asked.model} fell into repeating itself and was stopped.")
    if said == "invalid model name":
        return ModelMissing(f"{shown(asked.model)!r} is not a model name that {asked.where} accepts.")
    return _by_request(said, text, asked)


def _by_request(said: str, text: str, asked: Asked) -> CallError | None:
    """The error for a request that this model or this version does not take as it is."""
    if _NO_TOOLS.search(said):
        return tools_refused(asked)
    if _CAPABILITY.search(said):
        return ModelRefused(f"{asked.where} cannot use {asked.model} for this: {text}", hint="choose another model")
    if _FORMAT.search(said):
        return FormatRefused(f"{asked.where} cannot hold {asked.model} to the JSON schema: {text}")
    if _OUR_MISTAKE.search(said):
        return BadRequestUpstream(f"{asked.where} does not accept the request: {text}")
    return None


def _unwrap(body: str) -> tuple[str, JsonObject]:
    """The innermost message of an error body, and the object it stood in. The error may be JSON inside a string."""
    holder = parse_object(body)
    if holder is None:
        return body.strip(), EMPTY
    inner = object_at(holder, "error")
    if not inner:
        said = text_at(holder, "error")
        nested = parse_object(said) or EMPTY
        inner = object_at(nested, "error")
        if not inner:
            found = _GO_MAP.search(said)
            return (found[1] if found else said), EMPTY
    return text_at(inner, "message"), inner


def _not_allowed(status: int, body: str, text: str, asked: Asked) -> CallError:
    is_about_cloud = "signin_url" in body or "cloud" in text or asked.is_forwarded or is_cloud_name(asked.model)
    # Only this one model is refused then: the host itself is fine and must not be parked with its other models.
    if is_about_cloud:
        hint = "ollama signin" if status == 401 else "choose a model that runs on the host itself"
        return ModelRefused(f"{asked.where} may not use the cloud model {asked.model}: {text or status}", hint=hint)
    if status == 403 and not body.strip():
        hint = "let the proxy in front of Ollama pass `Host: localhost`, or bind Ollama to that address"
        return Unauthorized(f"{asked.where} refuses requests under this host name (403, empty).", hint=hint)
    said = f": {text}" if text else ""
    hint = f"set sonar.providers.{asked.endpoint.name}.apiKey or .basicAuth"
    return Unauthorized(f"{asked.where} did not accept {asked.shown_credential} ({status}{said}).", hint=hint)


def _not_found(body: str, text: str, asked: Asked) -> CallError:
    if parse_object(body) is None:
        message = f"{asked.where} has no such route (404{f', {text}' if text else ''}); it may not be an Ollama server."
        return UpstreamBroken(message, hint=asked.endpoint.remedy(asked.address))
    return ModelMissing(f"{asked.model} is not installed on {asked.where}.", hint=pull_hint(asked.model))


def _context(said: str, details: JsonObject, asked: Asked) -> ContextTooLong:
    needed, limit = count_at(details, "n_prompt_tokens"), count_at(details, "n_ctx")
    if found := _CONTEXT_COUNTS.search(said):
        needed, limit = needed or int(found[1]), limit or int(found[2])
    size = f"{needed} tokens" if needed else "too many tokens"
    room = f" and it takes {limit}" if limit else ""
    message = f"The prompt has {size} for {asked.model}{room}."
    return ContextTooLong(message, hint="use a model with a longer context", needed=needed, limit=limit)


def _unexplained(status: int, text: str, asked: Asked) -> CallError:
    said = f": {text}" if text else ""
    if 400 <= status < 500:
        return BadRequestUpstream(f"{asked.where} does not accept the request ({status}{said}).")
    return UpstreamBroken(f"{asked.where} failed ({status}{said}).", hint="see the log of the Ollama server")
