"""Every model sonar knows of, from all sides: the hosts, the configuration, the catalogue. One row for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio

from amalfa.calls import EXTRACTIVE, FREE, ModelName, Price, Tier
from amalfa.providers.model_facts import Facts
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.ollama_library import Listing, ModelAtHost
from amalfa.providers.ollama_models import InMemory, ModelFacts
from amalfa.providers.ollama_names import full_name, is_cloud_name
from amalfa.providers.provider import Provider
from amalfa.server.engine import Engine
from amalfa.server.known import Known
from amalfa.server.model_bodies import HostProblem, MemoryShown, ModelShown, PlaceShown, PriceShown


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every model there is, from all sides. `places` are the installed ones; their names are full names."""

    providers: Mapping[str, Provider]
    catalogue: Known
    named: set[ModelName]
    places: Mapping[ModelName, tuple[ModelAtHost, ...]]
    unreachable: list[HostProblem] = field(default_factory=list)

    def names(self, *, is_all: bool) -> list[ModelName]:
        named = (self._as_installed(name) for name in self.named if name.provider in self.providers)
        known = self.catalogue.known() if is_all else ()
        built_in = (EXTRACTIVE,) if EXTRACTIVE.provider in self.providers else ()
        others = (self._as_installed(name) for name in known if name.provider in self.providers)
        return list(dict.fromkeys((*self.places, *named, *others, *built_in)))

    def row(self, name: ModelName, *, described: ModelFacts | None = None) -> ModelShown:
        """One line. `described` is what the host says of the model in detail."""
        places = self.places.get(name, ())
        provider, known = self.providers[name.provider], self._known(name)
        listed = places[0].facts if places else None
        told = described or listed
        is_forwarded = bool(told and told.is_forwarded) or (provider.type == "ollama" and is_cloud_name(name.model))
        is_ones_own = provider.tier is not Tier.CLOUD and not is_forwarded
        price = FREE if is_ones_own else known.price
        return ModelShown(
            name=str(name),
            provider=name.provider,
            model=name.model,
            tier=Tier.CLOUD if is_forwarded else provider.tier,
            named=any(self._as_installed(one) == name for one in self.named),
            installed=bool(places) if isinstance(provider, OllamaProvider) and not is_forwarded else None,
            forwarded=is_forwarded,
            size_bytes=listed.size_bytes if listed else None,
            parameter_size=told.parameter_size if told else "",
            quantization=told.quantization if told else "",
            family=told.family if told else "",
            context_tokens=(told.context_tokens if told else None) or known.context_tokens,
            capabilities=list(told.capabilities) if told else [],
            running=sum(place.running for place in places),
            hosts=[_place(place) for place in places],
            price=_price(price),
            quality=known.quality,
            has_json=known.has_json,
        )

    def _known(self, name: ModelName) -> Facts:
        short = ModelName(name.provider, name.model.removesuffix(":latest"))
        return self.catalogue.facts(name).over(self.catalogue.facts(short))

    def _as_installed(self, name: ModelName) -> ModelName:
        """The name under which the shelf has it, where `llama3` and `llama3:latest` are one model."""
        return spelled(name) if isinstance(self.providers.get(name.provider), OllamaProvider) else name


async def look_around(engine: Engine, *, is_local: bool = True) -> Shelf:
    """Ask every Ollama provider for its models, side by side."""
    providers = engine.providers()
    listings: dict[str, Listing] = {}

    async def ask(name: str, provider: OllamaProvider) -> None:
        listings[name] = await provider.model_library.list_models()

    async with anyio.create_task_group() as group:
        for name, provider in providers.items():
            if is_local and isinstance(provider, OllamaProvider):
                group.start_soon(ask, name, provider)
    places: dict[ModelName, tuple[ModelAtHost, ...]] = {}
    unreachable: list[HostProblem] = []
    for name in sorted(listings):
        for place in listings[name].models:
            model = ModelName(name, place.facts.model)
            places[model] = (*places.get(model, ()), place)
        unreachable += [HostProblem(provider=name, url=url, reason=why) for url, why in listings[name].unreachable]
    return Shelf(providers, engine.catalogue(), set(engine.named_models()), places, unreachable)


def _place(place: ModelAtHost) -> PlaceShown:
    return PlaceShown(
        url=place.url, size_bytes=place.facts.size_bytes, loaded=_memory(place.memory), running=place.running
    )


def _memory(memory: InMemory | None) -> MemoryShown | None:
    return MemoryShown.model_validate(memory) if memory else None


def _price(price: Price | None) -> PriceShown | None:
    return PriceShown.model_validate(price) if price else None


def spelled(name: ModelName) -> ModelName:
    """The name in the one form in which `llama3` and `llama3:latest` are the same."""
    return ModelName(name.provider, full_name(name.model))
