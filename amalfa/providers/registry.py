"""Builds the providers of one Generation from its configuration: where each is, what it is shown, what may go there."""

from collections.abc import Iterator, Mapping
from typing import assert_never
from urllib.parse import urlsplit

from anyio.abc import TaskGroup

from amalfa.calls import EXTRACTIVE, Tier, parse_model_name
from amalfa.clock import Clock
from amalfa.config import endpoints as configured
from amalfa.config.hosts import is_loopback, origin_of
from amalfa.config.keys import HostKeys, Keys
from amalfa.config.known_providers import KNOWN_PROVIDERS, OLLAMA_CLOUD
from amalfa.config.loaded import Loaded
from amalfa.config.secret import Secret
from amalfa.providers.anthropic import AnthropicProvider
from amalfa.providers.api import Means
from amalfa.providers.endpoint import Address, Credentials, Endpoint
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.ollama_names import is_hosted
from amalfa.providers.openai_compatible import OpenAiCompatibleProvider
from amalfa.providers.openrouter import OpenRouterProvider
from amalfa.providers.pacer import Pace
from amalfa.providers.paces import Paces
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Provider
from amalfa.providers.wire import Transport

# What names the app to OpenRouter unless the configuration does; an address of this machine counts with a title only.
ATTRIBUTION = {"HTTP-Referer": "http://localhost", "X-OpenRouter-Title": "Amalfa Sonar", "X-Title": "Amalfa Sonar"}


def build_providers(
    loaded: Loaded,
    *,
    tasks: TaskGroup,
    clock: Clock,
    patience: Patience | None = None,
    transport: Transport | None = None,
    paces: Paces | None = None,
) -> dict[str, Provider]:
    """Every provider of a configuration, by name, the embedded one among them. Opens no connection.

    `tasks` must outlive the providers: models are loaded there, for all callers together. `paces` keeps the pace of
    the APIs from one configuration to the next; without it they begin afresh.
    """
    from amalfa.providers.embedded.extractive import ExtractiveProvider

    paces = paces or Paces(clock=clock)
    providers: dict[str, Provider] = {EXTRACTIVE.provider: ExtractiveProvider(clock)}
    for endpoint in endpoints_of(loaded):
        if endpoint.type == "ollama":
            # Its hosts have queues of their own.
            providers[endpoint.name] = OllamaProvider(
                endpoint, tasks=tasks, clock=clock, patience=patience, transport=transport
            )
            continue
        pacer = paces.pacer(endpoint.fingerprint, pace_of(loaded, endpoint))
        means = Means(clock=clock, patience=patience, transport=transport, pacer=pacer)
        match endpoint.type:
            case "openrouter":
                routing = loaded.endpoints[endpoint.name].settings.routing
                provider: Provider = OpenRouterProvider(endpoint, routing=routing, **means)
            case "openai":
                provider = OpenAiCompatibleProvider(endpoint, **means)
            case "anthropic":
                provider = AnthropicProvider(endpoint, **means)
            case other:
                assert_never(other)
        providers[endpoint.name] = provider
    return providers


def pace_of(loaded: Loaded, endpoint: Endpoint) -> Pace:
    """How many calls one API is sent at once and in a minute."""
    settings = loaded.endpoints[endpoint.name].settings
    return Pace(settings.max_concurrent or loaded.settings.sonar.concurrency.cloud, settings.rpm)


def endpoints_of(loaded: Loaded) -> Iterator[Endpoint]:
    """The facts of every configured provider, in the order of the configuration."""
    windows = _context_windows(loaded)
    off_reason = _cloud_off_reason(loaded)
    concurrency = loaded.settings.sonar.concurrency
    for name, found in loaded.endpoints.items():
        tier = _tier(found)
        key = loaded.keys.for_provider(name)
        login = loaded.keys.login_for(name)
        yield Endpoint(
            name=name,
            type=found.type,
            tier=tier,
            addresses=tuple(_address(url, found, tier, loaded.keys) for url in found.urls),
            key=key.secret if key else None,
            key_origin=str(key.origin) if key else "",
            key_hint=_key_hint(name),
            needs_key=_needs_key(found),
            basic_auth=(login.username, login.password.secret) if login else None,
            headers=tuple(_headers(found, loaded).items()),
            off_reason=off_reason,
            attempt_s=found.settings.timeout,
            num_ctx_of=windows.get(name, {}),
            auto_pull=loaded.settings.sonar.auto_pull,
            slots_per_host=_slots(found, loaded) if found.type == "ollama" else None,
            people_waiting_max=concurrency.interactive_queue if found.type == "ollama" else None,
        )


def _slots(found: configured.Endpoint, loaded: Loaded) -> int | None:
    """How many calls of one model each host of Ollama works on; None where that is found out."""
    slots = found.settings.max_concurrent or loaded.settings.sonar.concurrency.local_per_host
    return None if slots == "auto" else slots


def _tier(found: configured.Endpoint) -> Tier:
    """Local is what the user says is theirs, and Ollama, except where it is known to be somebody else's."""
    if found.settings.local:
        return Tier.LOCAL
    is_own = found.type == "ollama" and found.name != OLLAMA_CLOUD and not any(map(is_hosted, found.urls))
    return Tier.LOCAL if is_own else Tier.CLOUD


def _address(url: str, found: configured.Endpoint, tier: Tier, keys: Keys) -> Address:
    own = _credentials(keys.for_host(found.name, url)) if url in found.own_hosts else None
    if found.type == "anthropic" and not urlsplit(url).path.endswith("/v1"):
        # Its addresses are written without the version, whatever stands in front of it.
        url += "/v1"
    is_own_machine = tier is Tier.LOCAL and found.settings.local is not False and is_loopback(url)
    return Address(url, is_verified_local=found.settings.local is True or is_own_machine, own=own)


def _credentials(shown: HostKeys) -> Credentials:
    return Credentials(
        key=shown.key.secret if shown.key else None,
        key_origin=str(shown.key.origin) if shown.key else "",
        basic_auth=(shown.login.username, shown.login.password.secret) if shown.login else None,
        headers=tuple((name, key.secret) for name, key in shown.headers.items()),
    )


def _needs_key(found: configured.Endpoint) -> bool:
    """Whether a request without a key is certain to be refused."""
    is_at_home = any(origin_of(url) in found.homes for url in found.urls)
    return found.type == "openrouter" or (found.type != "ollama" and found.name != "lmstudio" and is_at_home)


def _key_hint(name: str) -> str:
    known = KNOWN_PROVIDERS.get(name)
    if known is not None and known.key_name:
        return f"put {known.key_name}=… into the .env beside amalfa.config.json"
    if "." in name:  # one of a pipeline's own, which no setting can name
        return 'write "api-key": "$NAME" at the model in the pipeline, and NAME=… into .env'
    return f'set sonar.providers.{name}.apiKey to "$NAME" and NAME in .env'


def _headers(found: configured.Endpoint, loaded: Loaded) -> dict[str, Secret]:
    own = {name: key.secret for name, key in loaded.keys.headers_for(found.name).items()}
    if found.type != "openrouter":
        return own
    named = {name.lower() for name in own}
    return {name: Secret(value) for name, value in ATTRIBUTION.items() if name.lower() not in named} | own


def _cloud_off_reason(loaded: Loaded) -> str:
    cloud = loaded.settings.sonar.cloud
    if cloud.enabled is True:
        return ""
    if cloud.enabled is False:
        return "sonar.cloud.enabled is false"
    # A GPU server of one's own needs no key, so its being configured is what "auto" looks for.
    if cloud.provider == "ollama" or loaded.keys.for_provider(cloud.provider) is not None:
        return ""
    return f"sonar.cloud.enabled is auto and there is no key for {cloud.provider}"


def _context_windows(loaded: Loaded) -> Mapping[str, Mapping[str, int]]:
    """The context windows that the catalogue of the configuration gives, by provider and model."""
    windows: dict[str, dict[str, int]] = {}
    for text, entry in loaded.settings.sonar.catalog.items():
        name = parse_model_name(text, loaded.endpoints)
        if entry.context is not None:
            windows.setdefault(name.provider, {})[name.model] = entry.context
    return windows
