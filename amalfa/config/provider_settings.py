"""The settings of one provider of models: where it is, how it is reached, what it may be asked at once."""

from typing import Literal

from pydantic import Field

from amalfa.config.values import Count, CredentialText, Flag, Group, Headers, OneOrMore, Seconds, Text

ProviderType = Literal["ollama", "openrouter", "openai", "anthropic"]


class BasicAuth(Group):
    """A user name and a password, for a proxy in front of a provider."""

    username: Text = Field(description="The user name.")
    password: CredentialText = Field(description='The password, as `"$ENV_NAME"`.')


class ProviderSettings(Group):
    """One provider. What is left out comes from the provider of the same name that sonar knows, if any."""

    type: ProviderType | None = Field(
        default=None,
        description="How it is spoken to: `ollama`, `openrouter`, `openai` (anything compatible) or `anthropic`. "
        "May be left out for the providers sonar knows by name.",
    )
    hosts: OneOrMore = Field(
        default=(), description="Its addresses; several form a pool. Scheme, port and path are optional."
    )
    base_url: Text | None = Field(default=None, description="The same for a single address, path included.")
    api_key: CredentialText | None = Field(
        default=None, description='Its key, as `"$ENV_NAME"`; a key written here needs a file only you can read.'
    )
    headers: Headers = Field(default={}, description='Headers to send along; a value may be `"$ENV_NAME"`.')
    basic_auth: BasicAuth | None = Field(default=None, description="User name and password of a proxy in front of it.")
    max_concurrent: Count | None = Field(default=None, description="Calls it works on at once; the rest wait.")
    rpm: Count | None = Field(default=None, description="Calls it is sent in a minute at most.")
    timeout: Seconds | None = Field(default=None, description="Seconds one attempt may take, whatever the task allows.")
    local: Flag | None = Field(
        default=None,
        description="Whether it is your own machine, so that `local-only` text may go there. Counts only in your own "
        "configuration file, never in a project's.",
    )
