"""What is known of every model: its price, quality, window and abilities, from the user, the providers and ourselves.

It reports what is known and judges nothing; that a model of one's own costs nothing is for whoever knows its tier.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType

import anyio
from anyio.abc import TaskGroup

from amalfa.calls import ModelName, Price, Tier, parse_model_name
from amalfa.clock import Clock
from amalfa.config.routing_settings import CatalogEntry
from amalfa.errors import CallError
from amalfa.providers.catalogue_files import ListFile, read_lists, write_list
from amalfa.providers.model_facts import Facts, Informed, Listed, Listing
from amalfa.providers.ollama_names import is_cloud_name
from amalfa.providers.openrouter_catalogue import facts_as_asked, is_choosable, listed_name
from amalfa.providers.provider import Provider
from amalfa.providers.shipped import Shipped, read_shipped

__all__ = ["Catalogue", "CatalogueKeeper", "Facts"]

log = logging.getLogger("amalfa.providers.catalogue")

LIST_MAX_AGE = timedelta(hours=24)
LIST_S = 30.0
RETRY_FIRST_S, RETRY_MAX_S = 60.0, 3600.0
# Every call asks for a refresh, and finding out that none is due takes longer than deciding on a model.
LOOK_AGAIN_S = 30.0
# A configuration and the one before it, which calls under way still use.
CATALOGUES_KEPT = 4

_UNKNOWN = Facts()


@dataclass(frozen=True)
class Catalogue:
    """Everything known at one moment; never changes.

    `version` grows with every change, so that callers can keep what they worked out from it. `as_of` tells for
    each provider with a list of its own how old that list is.
    """

    version: int
    as_of: Mapping[str, datetime]
    _written: Mapping[ModelName, Facts] = field(repr=False)
    _lists: Mapping[str, Mapping[str, Listed]] = field(repr=False)
    _providers: Mapping[str, Provider] = field(repr=False)
    _shipped: Shipped = field(repr=False)

    def facts(self, model: ModelName) -> Facts:
        """What is known of a model. For each fact the user's word counts most, then its provider's list, then ours."""
        written = self._written.get(model, _UNKNOWN)
        return written.over(self._listed(model)).over(self._shipped_facts(model))

    def known(self) -> Iterable[ModelName]:
        """Every model somebody knows about, each once. Routers, aliases and batch prices are no models."""
        return self._known

    @cached_property
    def _known(self) -> tuple[ModelName, ...]:
        found = dict.fromkeys(self._written)
        for name, provider in self._providers.items():
            models = self._lists.get(name) or self._shipped.models(_shelf(name, provider))
            found |= dict.fromkeys(ModelName(name, model) for model in models)
        return tuple(name for name in found if is_choosable(name.model))

    def _listed(self, model: ModelName) -> Facts:
        listed = self._lists.get(model.provider, {})
        found = listed.get(model.model) or listed.get(listed_name(model.model))
        facts = found.facts if found else _UNKNOWN
        provider = self._providers.get(model.provider)
        return facts_as_asked(model.model, facts) if provider and provider.type == "openrouter" else facts

    def _shipped_facts(self, model: ModelName) -> Facts:
        provider = self._providers.get(model.provider)
        if provider is None:
            return self._shipped.facts("local", model.model) if model.provider == "local" else _UNKNOWN
        facts = self._shipped.facts(_shelf_of_facts(provider), model.model)
        if provider.type == "openrouter":
            return self._shipped_variant(model.model)
        # Ollama itself holds any model to a schema, but not one that it forwards.
        if provider.type == "ollama" and not is_cloud_name(model.model):
            return facts.over(Facts(has_json=True))
        return facts

    def _shipped_variant(self, model: str) -> Facts:
        """Ours for a name at OpenRouter. A variant is as good as its model, but neither its price nor its window."""
        name = listed_name(model)
        base = self._shipped.facts("openrouter", name.partition(":")[0])
        return facts_as_asked(model, self._shipped.facts("openrouter", name).over(Facts(quality=base.quality)))


class CatalogueKeeper:
    """Keeps the providers' own lists fresh and on disk, so that they are there without a network.

    It lives as long as the process. `folder` gets one file per provider; it need not exist.
    """

    def __init__(self, folder: Path, *, clock: Clock, tasks: TaskGroup) -> None:
        self._folder = folder
        self._clock = clock
        self._tasks = tasks
        self._shipped = read_shipped()
        self._lists: dict[str, ListFile] = {}
        self._version = 0
        self._made: list[_Made] = []
        self._under_way: set[str] = set()
        self._failures: dict[str, _Failures] = {}
        self._looked_at: Mapping[str, Provider] | None = None
        self._look_again_s = 0.0

    async def open(self) -> None:
        """Read the lists on disk. A file that cannot be read is set aside; none of this ever fails."""
        self._lists |= await anyio.to_thread.run_sync(read_lists, self._folder)
        self._made.clear()

    def catalogue(self, settings_catalog: Mapping[str, CatalogEntry], providers: Mapping[str, Provider]) -> Catalogue:
        """What is known under one configuration; the same object while nothing changed. Its providers hear of it."""
        today = self._clock.now().date()
        for made in self._made:
            if made.settings is settings_catalog and made.providers is providers and made.day == today:
                return made.catalogue
        self._version += 1
        lists = {name: self._lists[name] for name, provider in providers.items() if self._has_list(name, provider)}
        catalogue = Catalogue(
            version=self._version,
            as_of=MappingProxyType({name: found.as_of for name, found in lists.items()}),
            _written=_written(settings_catalog, providers),
            _lists={name: _served(found.models, today) for name, found in lists.items()},
            _providers=dict(providers),
            _shipped=self._shipped,
        )
        for name, provider in providers.items():
            if isinstance(provider, Informed):
                provider.inform(partial(_facts_at, catalogue, name))
        self._made = [_Made(settings_catalog, providers, today, catalogue), *self._made][:CATALOGUES_KEPT]
        return catalogue

    def refresh_soon(self, providers: Mapping[str, Provider]) -> None:
        """Fetch in the background what is missing or a day old, from providers that may be asked. Returns at once.

        May be called as often as one likes: it looks again every 30 s.
        """
        now_s = self._clock.monotonic_s()
        if providers is self._looked_at and now_s < self._look_again_s:
            return
        self._looked_at, self._look_again_s = providers, now_s + LOOK_AGAIN_S
        for name, provider in providers.items():
            if isinstance(provider, Listing) and provider.standing() is None and self._is_due(name, provider):
                self._under_way.add(name)
                self._tasks.start_soon(self._refresh, name, provider)

    def _has_list(self, name: str, provider: Provider) -> bool:
        """A list of another address than the provider has now is somebody else's."""
        return isinstance(provider, Listing) and name in self._lists and self._lists[name].url == provider.list_url

    def _is_due(self, name: str, provider: Listing) -> bool:
        if name in self._under_way:
            return False
        if (failures := self._failures.get(name)) and self._clock.monotonic_s() < failures.wait_until_s:
            return False
        found = self._lists.get(name)
        # A date ahead of the clock says that the clock was wrong, once or now.
        return found is None or found.url != provider.list_url or not self._is_fresh(found.as_of)

    def _is_fresh(self, as_of: datetime) -> bool:
        return timedelta(0) <= self._clock.now() - as_of < LIST_MAX_AGE

    async def _refresh(self, name: str, provider: Listing) -> None:
        try:
            models = await provider.model_list(deadline_s=self._clock.monotonic_s() + LIST_S)
        except CallError as error:
            self._failed(name, error.message)
        except Exception:
            # The task group is the whole daemon's: a list that cannot be read must not end it.
            log.exception("the list of models of %s could not be read", name)
            self._failed(name, "the list could not be read")
        else:
            await self._keep(ListFile(name, provider.list_url, self._clock.now(), models))
        finally:
            self._under_way.discard(name)

    async def _keep(self, found: ListFile) -> None:
        self._lists[found.provider] = found
        self._failures.pop(found.provider, None)
        self._made.clear()
        log.info("%s lists %d models", found.provider, len(found.models))
        try:
            await anyio.to_thread.run_sync(write_list, self._folder, found)
        except OSError as error:
            log.warning("the list of models of %s could not be kept on disk: %s", found.provider, error.strerror)

    def _failed(self, name: str, reason: str) -> None:
        count = self._failures[name].count + 1 if name in self._failures else 1
        wait_s = min(RETRY_FIRST_S * 2 ** (count - 1), RETRY_MAX_S)
        self._failures[name] = _Failures(count, self._clock.monotonic_s() + wait_s)
        log.warning("the list of models of %s was not refreshed: %s", name, reason)


@dataclass(frozen=True, slots=True)
class _Failures:
    """Failed refreshes in a row, and when to try again."""

    count: int
    wait_until_s: float


@dataclass(frozen=True, slots=True)
class _Made:
    """A catalogue and what it was made from: planned ends of models make it good for one day only."""

    settings: Mapping[str, CatalogEntry]
    providers: Mapping[str, Provider]
    day: date
    catalogue: Catalogue


def _facts_at(catalogue: Catalogue, provider: str, model: str) -> Facts:
    return catalogue.facts(ModelName(provider, model))


def _written(catalog: Mapping[str, CatalogEntry], providers: Mapping[str, Provider]) -> dict[ModelName, Facts]:
    """What the user says; two spellings of one model add up, the later one winning."""
    found: dict[ModelName, Facts] = {}
    for text, entry in catalog.items():
        price = Price(entry.price.input, entry.price.output) if entry.price else None
        said = Facts(price, entry.quality, entry.context, entry.has_json)
        for name in _meant(parse_model_name(text, (*providers, "local")), providers):
            found[name] = said.over(found.get(name, _UNKNOWN))
    return found


def _meant(name: ModelName, providers: Mapping[str, Provider]) -> tuple[ModelName, ...]:
    """The models that a key of `sonar.catalog` is about: `local:NAME` is NAME at every local provider."""
    if name.provider != "local":
        return (name,)
    return tuple(ModelName(key, name.model) for key, one in providers.items() if one.tier is Tier.LOCAL)


def _served(models: Mapping[str, Listed], today: date) -> Mapping[str, Listed]:
    return {name: one for name, one in models.items() if one.expires is None or one.expires >= today}


def _shelf_of_facts(provider: Provider) -> str:
    """Where the shipped file tells of a provider's models. Local servers share their models, whatever their API."""
    return "local" if provider.tier is Tier.LOCAL or provider.type == "ollama" else provider.type


def _shelf(name: str, provider: Provider) -> str:
    """Which shipped models a provider is sure to know: of an API of the user's own nobody can tell."""
    if provider.type == "ollama":
        return "local"
    is_openai_itself = name == "openai" and provider.tier is Tier.CLOUD
    return provider.type if provider.type in ("openrouter", "anthropic") or is_openai_itself else ""
