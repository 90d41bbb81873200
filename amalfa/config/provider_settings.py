"""The settings of one provider of models: where it is, how it is reached, what it may be asked at once."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from amalfa.config.openrouter_settings import OpenRouterRouting
from amalfa.config.values import (
    Count,
    CredentialText,
    Flag,
    Group,
    Headers,
    Seconds,
    Text,
    as_tuple,
    listed,
    shorthand,
    shown_credential,
    shown_headers,
)

ProviderType = Literal["ollama", "openrouter", "openai", "anthropic"]


class BasicAuth(Group):
    """A user name and a password, for a proxy in front of a provider."""

    username: Text = Field(description="The user name.")
    password: CredentialText = Field(description='The password, as `"$ENV_NAME"`.')


class HostSettings(Group):
    """One address of a provider, with what is shown there instead of what the provider's other hosts are shown."""

    url: Text = Field(description="The address; scheme, port and path are optional.")
    api_key: CredentialText | None = Field(
        default=None, description='The key for this host, as `"$ENV_NAME"`; replaces the provider\'s key and password.'
    )
    basic_auth: BasicAuth | None = Field(
        default=None,
        description="User name and password for this host; they replace the provider's key and password.",
    )
    headers: Headers = Field(default={}, description="Headers for this host, laid over those of the provider.")

    @property
    def is_bare(self) -> bool:
        """Whether it says no more than where the host is."""
        return self.api_key is None and self.basic_auth is None and not self.headers


def _host(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _shown_host(host: HostSettings) -> object:
    """The short form where that says it all, so that a plain list of hosts is shown as it was written."""
    if host.is_bare:
        return host.url
    shown: dict[str, object] = {"url": host.url}
    if host.api_key is not None:
        shown["apiKey"] = shown_credential(host.api_key)
    if host.basic_auth is not None:
        shown["basicAuth"] = host.basic_auth.model_dump(by_alias=True, mode="json")
    if host.headers:
        shown["headers"] = shown_headers(host.headers)
    return shown


HostEntry = Annotated[HostSettings, shorthand(_host, written=Text | HostSettings), PlainSerializer(_shown_host)]
Hosts = Annotated[
    tuple[HostEntry, ...],
    BeforeValidator(as_tuple),
    BeforeValidator(listed, json_schema_input_type=Text | list[Text | HostSettings]),
]
"""A text or a list of texts and objects. A lone object is no list: its secrets would have no place of their own."""


class ProviderSettings(Group):
    """One provider. What is left out comes from the provider of the same name that sonar knows, if any."""

    type: ProviderType | None = Field(
        default=None,
        description="How it is spoken to: `ollama`, `openrouter`, `openai` (anything compatible) or `anthropic`. "
        "May be left out for the providers sonar knows by name.",
    )
    hosts: Hosts = Field(
        default=(),
        description="Its addresses; several form a pool. Scheme, port and path are optional. A host with a key of its "
        "own is an object with `url` and `apiKey`, `basicAuth` or `headers`.",
    )
    base_url: Text | None = Field(default=None, description="The same for a single address, path included.")
    api_key: CredentialText | None = Field(
        default=None, description='Its key, as `"$ENV_NAME"`; a key written here needs a file only you can read.'
    )
    headers: Headers = Field(default={}, description='Headers to send along; a value may be `"$ENV_NAME"`.')
    basic_auth: BasicAuth | None = Field(default=None, description="User name and password of a proxy in front of it.")
    max_concurrent: Count | None = Field(
        default=None, description="Calls it is sent at once (each of its hosts, for Ollama); the rest wait."
    )
    rpm: Count | None = Field(default=None, description="Calls it is sent in a minute at most; not for Ollama.")
    routing: OpenRouterRouting | None = Field(
        default=None, description="How OpenRouter chooses who serves; for providers of that type only."
    )
    timeout: Seconds | None = Field(default=None, description="Seconds one attempt may take, whatever the task allows.")
    local: Flag | None = Field(
        default=None,
        description="Whether it is your own machine, so that `local-only` text may go there. Counts only in your own "
        "configuration file, never in a project's.",
    )
