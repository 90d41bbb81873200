"""Gathers the candidates of a call: every model the configuration names or lets in, with what is known of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from amalfa.calls import EXTRACTIVE, FREE, ModelName, Price, Tier
from amalfa.config.hosts import is_loopback
from amalfa.providers.catalogue import Catalogue
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.ollama_names import full_name, is_cloud_name
from amalfa.providers.provider import Host, Presence, Provider
from amalfa.routing.acceptable import is_acceptable
from amalfa.routing.candidate import Candidate, Standing

FORWARDED_RANK, MATCHED_RANK, LAST_RANK = 100, 1_000, 10_000
MATCHED_MAX = 200
"""How many models `acceptableModels` may add by its globs: a `*` must not make every decision slow."""


@dataclass(frozen=True, slots=True)
class Roster:
    """The models a configuration names, each tier in its order of preference.

    `chain` replaces both tiers where there is one. `acceptable` are globs that let further known models in.
    """

    local: tuple[ModelName, ...]
    cloud: tuple[ModelName, ...]
    chain: tuple[ModelName, ...] = ()
    acceptable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the candidates are looked up in."""

    providers: Mapping[str, Provider]
    presences: Mapping[str, Presence]
    catalogue: Catalogue


def gather_candidates(roster: Roster, named: Iterable[ModelName], around: Surroundings) -> tuple[Candidate, ...]:
    """One candidate for each distinct model of the roster and of `named` (the call's and task's own)."""
    tiers = (roster.chain,) if roster.chain else (roster.local, roster.cloud)
    ranks: dict[ModelName, int] = {}
    for models in (*tiers, tuple(named)):
        for rank, model in enumerate(models):
            ranks.setdefault(model, rank)
    ranks.setdefault(EXTRACTIVE, LAST_RANK)
    if not roster.chain:
        # What a glob lets in comes after whatever was named.
        ranks |= {model: MATCHED_RANK + place for place, model in enumerate(_matched(roster, around, ranks))}
    return tuple(_candidate(model, rank, around) for model, rank in ranks.items())


def spell_out(name: ModelName, providers: Mapping[str, Provider]) -> tuple[ModelName, ...]:
    """The models a name stands for: `local:NAME` is NAME at every local provider, any other is itself."""
    if name.provider != "local":
        return (name,)
    found = tuple(ModelName(key, name.model) for key, found in providers.items() if found.tier is Tier.LOCAL)
    # Without a local provider the name stands for itself, so that its refusal can be told.
    return found or (name,)


def standing_of(candidate: Candidate, around: Surroundings) -> Standing:
    """Whether its provider can be asked for it now, as far as was last seen."""
    model, provider = candidate.model, around.providers.get(candidate.model.provider)
    if provider is None:
        detail = f"no provider is named {model.provider!r}; there are {', '.join(sorted(around.providers))}"
        return Standing("unconfigured", detail)
    presence = around.presences.get(model.provider, Presence("unknown"))
    if presence.state != "up":
        return Standing(presence.state, presence.reason)
    hosts = [host for host in presence.hosts if host.state != "down"]
    # Clouds keep no list here, and after a good call nothing but that is known of them.
    if not hosts or any(host.installed is None or _listed(model.model, host.installed) for host in hosts):
        return Standing()
    where = " and ".join(host.url for host in hosts)
    is_here = all(is_loopback(host.url) for host in hosts)
    command = f"ollama pull {model.model}" if is_here else f"amalfa models pull {model}"
    remedy = f" Fix: {command}" if provider.type == "ollama" else ""
    return Standing("missing", f"{model.model} is not installed on {where}.{remedy}")


def is_loaded(candidate: Candidate, around: Surroundings) -> bool:
    """Whether some host has it in memory, as far as was last seen."""
    presence = around.presences.get(candidate.model.provider)
    return presence is not None and any(_listed(candidate.model.model, host.loaded) for host in presence.hosts)


def _matched(roster: Roster, around: Surroundings, named: Mapping[ModelName, int]) -> tuple[ModelName, ...]:
    """Models that nobody named but that the globs of `acceptableModels` let in: installed ones and known ones."""
    if not roster.acceptable:
        return ()
    installed = _installed(around)
    known = dict.fromkeys((*installed, *sorted(around.catalogue.known(), key=str)))
    found = (
        model for model in known if model not in named and _is_let_in(model, roster, around, is_here=model in installed)
    )
    return tuple(model for model, _ in zip(found, range(MATCHED_MAX), strict=False))


def _is_let_in(model: ModelName, roster: Roster, around: Surroundings, *, is_here: bool) -> bool:
    provider = around.providers.get(model.provider)
    if provider is None or provider.tier is Tier.EMBEDDED:
        return False
    # Of one's own machines only what is installed counts; a cloud serves whatever its list names.
    presence = around.presences.get(model.provider, Presence("unknown"))
    tier = Tier.CLOUD if _is_forwarded(model.model, presence.hosts) else provider.tier
    return (is_here or tier is Tier.CLOUD) and is_acceptable(model, tier, roster.acceptable)


def _installed(around: Surroundings) -> dict[ModelName, None]:
    return {
        ModelName(name, model.removesuffix(":latest")): None
        for name, presence in around.presences.items()
        for host in presence.hosts
        for model in sorted(host.installed or ())
    }


def _candidate(model: ModelName, rank: int, around: Surroundings) -> Candidate:
    provider = around.providers.get(model.provider)
    if provider is None:
        return Candidate(model, Tier.CLOUD, False, rank)
    presence = around.presences.get(model.provider, Presence("unknown"))
    facts = around.catalogue.facts(model)
    is_forwarded = _is_forwarded(model.model, presence.hosts)
    return Candidate(
        model=model,
        tier=provider.tier,
        is_verified_local=provider.is_verified_local,
        # Of two models in the cloud the one that was named for it comes first.
        rank=rank + FORWARDED_RANK if is_forwarded else rank,
        has_verified_host=_has_verified_host(provider),
        is_forwarded=is_forwarded,
        is_loaded_on_demand=provider.type == "ollama" and provider.tier is Tier.LOCAL,
        can_promise_zdr=provider.type == "openrouter",
        takes_max_price=provider.type == "openrouter",
        price=_price(provider, facts.price, is_forwarded=is_forwarded),
        quality=facts.quality,
        context_tokens=_context_tokens(model, provider, facts.context_tokens),
        has_json=facts.has_json,
        has_tools=_has_tools(model, presence, facts.has_tools),
    )


def _has_tools(model: ModelName, presence: Presence, listed: bool | None) -> bool | None:
    """Whether it takes tools, as the lists say or else its hosts; one host that knows it does is enough."""
    if listed is not None:
        return listed
    hosts = [host for host in presence.hosts if host.state != "down"]
    if any(_listed(model.model, host.with_tools) for host in hosts):
        return True
    return False if any(_listed(model.model, host.without_tools) for host in hosts) else None


def _has_verified_host(provider: Provider) -> bool:
    if isinstance(provider, OllamaProvider):
        return any(address.is_verified_local for address in provider.endpoint.addresses)
    return provider.is_verified_local


def _context_tokens(model: ModelName, provider: Provider, listed: int | None) -> int | None:
    """The window the model runs with: of an Ollama model the configured one, not the one it was trained with."""
    return provider.endpoint.num_ctx_of.get(model.model) if isinstance(provider, OllamaProvider) else listed


def _price(provider: Provider, listed: Price | None, *, is_forwarded: bool) -> Price | None:
    """What the user's own machines do costs nothing; what a list does not tell is unknown, never free."""
    if listed is not None or is_forwarded:
        return listed
    is_own = provider.tier is not Tier.CLOUD or provider.type == "ollama"
    return FREE if is_own else None


def _listed(model: str, names: Iterable[str]) -> bool:
    wanted = full_name(model)
    return any(full_name(name) == wanted for name in names)


def _is_forwarded(model: str, hosts: Iterable[Host]) -> bool:
    return is_cloud_name(model) or any(_listed(model, host.forwarded) for host in hosts)
