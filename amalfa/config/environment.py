"""The environment variables sonar reads, and how each becomes a setting or a key. Looks nothing up by itself."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from amalfa.config import hosts
from amalfa.config.jsonc import Json, read_json
from amalfa.config.keypath import KeyPath
from amalfa.config.origins import Origin, Sourced, empty, merge, sourced_at
from amalfa.config.preferences import read_preferences
from amalfa.errors import Problem

Use = Literal["setting", "key", "process"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One documented name. "process" ones are read by other parts, and never from a `.env`."""

    name: str
    use: Use
    meaning: str


VARIABLES = (
    Variable("OPENROUTER_API_KEY", "key", "key for OpenRouter"),
    Variable("OPENROUTER_BASE_URL", "setting", "sonar.providers.openrouter.baseUrl"),
    Variable("OPENROUTER_BASE", "setting", "the same, when OPENROUTER_BASE_URL is not set"),
    Variable("OPENROUTER_MODEL", "setting", "sonar.cloud.model, when the cloud is OpenRouter"),
    Variable("OPENROUTER_DEFAULT_MODEL", "setting", "the same, when OPENROUTER_MODEL is not set"),
    Variable("OPENROUTER_REFERER", "setting", "the HTTP-Referer header, which names your app to OpenRouter"),
    Variable("OPENROUTER_PREFERENCES", "setting", "sonar.routing.preferences, as JSON; and fields of OpenRouter's own"),
    Variable("OPENAI_API_KEY", "key", "key for OpenAI"),
    Variable("ANTHROPIC_API_KEY", "key", "key for Anthropic"),
    Variable("OLLAMA_HOST", "setting", "sonar.host; several hosts separated by commas"),
    Variable("OLLAMA_PORT", "setting", "the port of hosts that name none"),
    Variable("OLLAMA_BASE", "setting", "sonar.host, when OLLAMA_HOST is not set"),
    Variable("OLLAMA_MODEL", "setting", "sonar.model"),
    Variable("OLLAMA_API_KEY", "key", "key for a proxy in front of Ollama, or for ollama.com"),
    Variable("LOCAL_MODEL_URL", "setting", "sonar.host, when neither OLLAMA_HOST nor OLLAMA_BASE is set"),
    Variable("LOCAL_MODEL_PREFERENCE", "setting", "sonar.modelPriority; a list separated by commas"),
    Variable("LOCAL_MODEL_TIMEOUT", "setting", "sonar.providers.ollama.timeout, in seconds"),
    Variable("LLM_ROUTING_STRATEGY", "setting", "sonar.routing.strategy"),
    Variable("LLM_FALLBACK_ENABLED", "setting", "sonar.routing.fallback: true or false"),
    Variable("AMALFA_CONFIG", "process", "path of the configuration file"),
    Variable("AMALFA_HOME", "process", "folder for sonar's own files"),
    Variable("AMALFA_NO_AUTOSTART", "process", "set to 1, commands do not start sonar by themselves"),
    Variable("NO_COLOR", "process", "set, output has no colours"),
)

FROM_ENV_FILE = frozenset(variable.name for variable in VARIABLES if variable.use != "process")
"""The names that a project's `.env` may set; all others in it are left alone."""


@dataclass(frozen=True, slots=True)
class EnvText:
    """The value of a variable that is set and not empty, and where it stands."""

    text: str = field(repr=False)
    origin: Origin


def settings_from(values: Mapping[str, EnvText], *, cloud_provider: object) -> tuple[Sourced, tuple[Problem, ...]]:
    """What the variables of one source say, as a tree of settings.

    `cloud_provider` is the value of `sonar.cloud.provider` in the files: OPENROUTER_MODEL must not rename the model
    of somebody's own GPU server.
    """
    sourced, problems = empty(), []
    for name, path, convert in _settings(values):
        found = values.get(name)
        if found is None or sourced.at(path) is not None:
            continue
        if path == _CLOUD_MODEL and cloud_provider == "ollama":
            continue
        try:
            sourced = merge(sourced, sourced_at(path, convert(found.text), found.origin))
        except ValueError as error:
            problems.append(found.origin.problem(str(error)))
    if preferences := values.get("OPENROUTER_PREFERENCES"):
        sourced, more = _with_preferences(sourced, preferences)
        problems += more
    return sourced, tuple(problems)


def _with_preferences(sourced: Sourced, found: EnvText) -> tuple[Sourced, list[Problem]]:
    """One variable that holds many settings; what is wrong with some of it does not take the rest away."""
    try:
        read = read_preferences(_json(found.text))
    except ValueError as error:
        return sourced, [found.origin.problem(str(error))]
    for path, value in read.settings:
        sourced = merge(sourced, sourced_at(path, value, found.origin))
    return sourced, [found.origin.problem(complaint) for complaint in read.complaints]


_CLOUD_MODEL: KeyPath = ("sonar", "cloud", "model")
_HOST: KeyPath = ("sonar", "host")
_OPENROUTER: KeyPath = ("sonar", "providers", "openrouter")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")

_Convert = Callable[[str], Json]


def _settings(values: Mapping[str, EnvText]) -> tuple[tuple[str, KeyPath, _Convert], ...]:
    """Variable, setting, conversion. Of several variables for one setting the first that is set counts."""
    port = values["OLLAMA_PORT"].text.strip() if "OLLAMA_PORT" in values else ""
    ollama_hosts = partial(_ollama_hosts, port=port)
    return (
        ("OLLAMA_HOST", _HOST, ollama_hosts),
        ("OLLAMA_BASE", _HOST, ollama_hosts),
        ("LOCAL_MODEL_URL", _HOST, ollama_hosts),
        ("OLLAMA_PORT", _HOST, lambda _port: ollama_hosts("localhost")),
        ("OLLAMA_MODEL", ("sonar", "model"), str.strip),
        ("LOCAL_MODEL_PREFERENCE", ("sonar", "modelPriority"), _list),
        ("LOCAL_MODEL_TIMEOUT", ("sonar", "providers", "ollama", "timeout"), _seconds),
        ("OPENROUTER_BASE_URL", (*_OPENROUTER, "baseUrl"), str.strip),
        ("OPENROUTER_BASE", (*_OPENROUTER, "baseUrl"), str.strip),
        ("OPENROUTER_REFERER", (*_OPENROUTER, "headers", "HTTP-Referer"), str.strip),
        ("OPENROUTER_MODEL", _CLOUD_MODEL, str.strip),
        ("OPENROUTER_DEFAULT_MODEL", _CLOUD_MODEL, str.strip),
        ("LLM_ROUTING_STRATEGY", ("sonar", "routing", "strategy"), lambda text: text.strip().lower().replace("-", "_")),
        ("LLM_FALLBACK_ENABLED", ("sonar", "routing", "fallback"), _flag),
    )


def _ollama_hosts(text: str, *, port: str) -> Json:
    if port and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise ValueError("OLLAMA_PORT must be a number from 1 to 65535")
    return [_ollama_host(host, int(port) if port else None) for host in _texts(text) or [""]]


def _ollama_host(text: str, port: int | None) -> str:
    try:
        return hosts.ollama_url(text, port=port)
    except hosts.BadPort:
        # Ollama takes its usual port for one it cannot read, and what works with Ollama has to work here.
        return _ollama_host(re.sub(r":(?!//)[^:\]/]*(?=/|\s*\Z)", "", text), port)
    except hosts.BadHost as error:
        raise ValueError(f"the host {error}") from error


def _list(text: str) -> Json:
    return list(_texts(text))


def _texts(text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if re.fullmatch(r"\[[0-9a-fA-F:.]+\](?::.*)?", text.strip()):
        return [text.strip()]  # one IPv6 address in brackets, no list
    value = _json(text)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts, separated by commas or as JSON")
    return [str(item) for item in value]


def _flag(text: str) -> Json:
    word = text.strip().lower()
    if word not in _TRUE + _FALSE:
        raise ValueError("must be true or false")
    return word in _TRUE


def _seconds(text: str) -> Json:
    try:
        return float(text.strip().removesuffix("s"))
    except ValueError as error:
        raise ValueError("must be a number of seconds") from error


def _json(text: str) -> Json:
    document = read_json(text, name="")
    if document.root is None or document.problems:
        raise ValueError("must be valid JSON")
    return document.root.value
