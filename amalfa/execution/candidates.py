"""Gathers the candidates of a call: every model the configuration names, with what is known of it now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from amalfa.calls import EXTRACTIVE, ModelName, Tier
from amalfa.providers.ollama_names import full_name, is_cloud_name
from amalfa.providers.provider import Host, Presence, Provider
from amalfa.routing.candidate import Availability, Candidate


@dataclass(frozen=True, slots=True)
class Roster:
    """The models a configuration names for everybody, each tier in its order of preference."""

    local: tuple[ModelName, ...]
    cloud: tuple[ModelName, ...]


def gather_candidates(
    roster: Roster,
    named: Iterable[ModelName],
    *,
    providers: Mapping[str, Provider],
    presences: Mapping[str, Presence],
) -> tuple[Candidate, ...]:
    """One candidate for each distinct model of the roster and of `named` (the call's and task's own)."""
    ranks: dict[ModelName, int] = {}
    for models in (roster.local, roster.cloud, tuple(named), (EXTRACTIVE,)):
        for rank, model in enumerate(models):
            ranks.setdefault(model, rank)
    return tuple(_candidate(model, rank, providers, presences) for model, rank in ranks.items())


def spell_out(name: ModelName, providers: Mapping[str, Provider]) -> tuple[ModelName, ...]:
    """The models a name stands for: `local:NAME` is NAME at every local provider, any other is itself."""
    if name.provider != "local":
        return (name,)
    return tuple(ModelName(key, name.model) for key, found in providers.items() if found.tier is Tier.LOCAL)


def _candidate(
    model: ModelName, rank: int, providers: Mapping[str, Provider], presences: Mapping[str, Presence]
) -> Candidate:
    provider = providers.get(model.provider)
    if provider is None:
        detail = f"no provider is named {model.provider!r}; there are {', '.join(sorted(providers))}"
        return Candidate(model, Tier.CLOUD, False, rank, "unconfigured", detail)
    presence = presences.get(model.provider, Presence("unknown"))
    availability, detail = _availability(model, provider, presence)
    return Candidate(
        model=model,
        tier=provider.tier,
        is_verified_local=provider.is_verified_local,
        rank=rank,
        availability=availability,
        detail=detail,
        is_forwarded=_is_forwarded(model.model, presence.hosts),
        can_promise_zdr=provider.type == "openrouter",
    )


def _availability(model: ModelName, provider: Provider, presence: Presence) -> tuple[Availability, str]:
    if presence.state != "up":
        return presence.state, presence.reason
    hosts = [host for host in presence.hosts if host.state != "down"]
    # Clouds keep no list here, and after a good call nothing but that is known of them.
    if not hosts or any(host.installed is None or _listed(model.model, host.installed) for host in hosts):
        return "ready", ""
    where = " and ".join(host.url for host in hosts)
    remedy = f" Fix: ollama pull {model.model}" if provider.type == "ollama" else ""
    return "missing", f"{model.model} is not installed on {where}.{remedy}"


def _listed(model: str, names: Iterable[str]) -> bool:
    wanted = full_name(model)
    return any(full_name(name) == wanted for name in names)


def _is_forwarded(model: str, hosts: Iterable[Host]) -> bool:
    return is_cloud_name(model) or any(_listed(model, host.forwarded) for host in hosts)
