"""The providers sonar knows by name: how they are spoken to, where they are at home, and which key is theirs."""

from dataclasses import dataclass

from amalfa.config.provider_settings import ProviderType

OLLAMA_CLOUD = "ollama-cloud"
"""The name of the GPU server at `sonar.cloud.host` when `sonar.cloud.provider` is `ollama`."""

RESERVED_NAMES = frozenset({"auto", "embedded", "pipeline"})
"""Prefixes of model names that mean something else than a provider."""


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """A provider's own facts. `url` None means that the configuration must say where it is.

    `homes` are the origins (`scheme://host[:port]`) its key may be sent to without anybody's leave; `key_name` is
    the environment variable that holds the key, "" for none.
    """

    type: ProviderType
    url: str | None
    homes: frozenset[str]
    key_name: str


_LOCAL_OLLAMA = ("http://localhost:11434", "http://127.0.0.1:11434", "http://[::1]:11434")

KNOWN_PROVIDERS: dict[str, KnownProvider] = {
    "ollama": KnownProvider("ollama", "http://localhost:11434", frozenset(_LOCAL_OLLAMA), "OLLAMA_API_KEY"),
    OLLAMA_CLOUD: KnownProvider("ollama", None, frozenset({*_LOCAL_OLLAMA, "https://ollama.com"}), "OLLAMA_API_KEY"),
    "openrouter": KnownProvider(
        "openrouter",
        "https://openrouter.ai/api/v1",
        frozenset({"https://openrouter.ai", "https://eu.openrouter.ai", "https://us.openrouter.ai"}),
        "OPENROUTER_API_KEY",
    ),
    "openai": KnownProvider(
        "openai",
        "https://api.openai.com/v1",
        frozenset({"https://api.openai.com", "https://eu.api.openai.com", "https://us.api.openai.com"}),
        "OPENAI_API_KEY",
    ),
    "anthropic": KnownProvider(
        "anthropic", "https://api.anthropic.com", frozenset({"https://api.anthropic.com"}), "ANTHROPIC_API_KEY"
    ),
    "lmstudio": KnownProvider(
        "openai",
        "http://localhost:1234/v1",
        frozenset({"http://localhost:1234", "http://127.0.0.1:1234", "http://[::1]:1234"}),
        "",
    ),
}


def homes_of(provider: str, kind: ProviderType) -> frozenset[str]:
    """The origins that are a provider's own: by its name, for a name of the user's choice by its type."""
    return KNOWN_PROVIDERS[provider if provider in KNOWN_PROVIDERS else kind].homes


def homes_of_key(key_name: str) -> frozenset[str]:
    """The origins that the key in an environment variable is meant for; none for a variable of another purpose."""
    known = (provider.homes for provider in KNOWN_PROVIDERS.values() if key_name and provider.key_name == key_name)
    return frozenset().union(*known)
