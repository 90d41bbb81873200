"""The routes that tell clients of Ollama what there is: the list of models, one model, the version."""

from collections.abc import Iterator, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from amalfa import __version__
from amalfa.calls import ModelName, Tier, parse_model_name
from amalfa.clock import SystemClock
from amalfa.errors import ModelMissing
from amalfa.execution.candidates import spell_out
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.ollama_names import full_name, is_cloud_name
from amalfa.providers.provider import Provider
from amalfa.server.door_models import PIPELINE, ModelWanted, TaskWanted, house_names
from amalfa.server.engine import Engine, engine_of
from amalfa.server.model_bodies import ModelShown
from amalfa.server.models import INFO_S
from amalfa.server.ollama.asking import wanted_by
from amalfa.server.ollama.bodies import OllamaShow, body_of
from amalfa.server.ollama.errors import not_found
from amalfa.server.ollama.shown import OllamaDetails, OllamaModel, OllamaTag, OllamaTags, OllamaVersion
from amalfa.server.shelf import Shelf, look_around, spelled

_BUILTIN = "ollama"


async def tags(request: Request) -> Response:
    """The names that mean the policy and the tasks, then every model of one's own hosts and of sonar itself."""
    engine = engine_of(request)
    async with engine.lease():
        shelf = await look_around(engine)
        own = list(_own_models(shelf))
        pipelines = tuple(engine.pipeline_names())
    house = [OllamaTag(name=name, model=name, capabilities=_house_abilities(name)) for name in house_names(pipelines)]
    return JSONResponse(OllamaTags(models=[*house, *own]).model_dump(mode="json"))


async def show(request: Request) -> Response:
    body = await body_of(request, OllamaShow)
    name = body.model or body.name
    engine = engine_of(request)
    wanted = wanted_by(name, engine)
    if isinstance(wanted, TaskWanted) or wanted.wish_model is None or wanted.wish_model.startswith(PIPELINE):
        shown = _house_shown(wanted)
    else:
        async with engine.lease():
            shown = _shown(await _row(engine, wanted.wish_model, asked=name))
    return JSONResponse(shown.model_dump(mode="json"))


async def version(request: Request) -> Response:
    return JSONResponse(OllamaVersion(version=__version__).model_dump())


async def greet(request: Request) -> Response:
    return PlainTextResponse("Sonar is running")


def named_by(text: str, providers: Mapping[str, Provider]) -> ModelName:
    """The model of a name as people write it; `local:NAME` is NAME at the first local provider."""
    name = parse_model_name(text, {*providers, "local"})
    return next(iter(spell_out(name, providers)), name)


def _own_models(shelf: Shelf) -> Iterator[OllamaTag]:
    digests = {name: places[0].facts.digest for name, places in shelf.places.items() if places}
    for name in shelf.names(is_all=False):
        row = shelf.row(name)
        if row.tier is Tier.CLOUD or row.installed is False:
            continue
        short = row.model if row.provider == _BUILTIN else row.name
        yield OllamaTag(
            name=short,
            model=short,
            size=row.size_bytes or 0,
            digest=digests.get(name, ""),
            details=_details(row),
            capabilities=row.capabilities or ["completion"],
        )


async def _row(engine: Engine, wish: str, *, asked: str) -> ModelShown:
    """What is known of a model. Raises NotFound for one that nobody knows."""
    providers = engine.providers()
    name = named_by(wish, providers)
    provider = providers.get(name.provider)
    if isinstance(provider, OllamaProvider) and not is_cloud_name(name.model):
        try:
            facts, places = await provider.model_library.info(
                name.model, deadline_s=SystemClock().monotonic_s() + INFO_S
            )
        except ModelMissing as error:
            raise not_found(full_name(asked) if name.provider == _BUILTIN else asked, hint=error.hint) from None
        found = Shelf(providers, engine.catalogue(), set(engine.named_models()), {spelled(name): places})
        return found.row(spelled(name), described=facts)
    shelf = await look_around(engine, is_local=False)
    if name not in shelf.names(is_all=True):
        raise not_found(asked)
    return shelf.row(name)


def _shown(row: ModelShown) -> OllamaModel:
    family = row.family or "unknown"
    info: dict[str, str | int] = {"general.architecture": family, "general.basename": row.model}
    if row.context_tokens is not None:
        info[f"{family}.context_length"] = row.context_tokens
    return OllamaModel(
        modelfile=f"# {row.name}, {row.tier}, by way of sonar\n",
        details=_details(row),
        model_info=info,
        capabilities=row.capabilities or ["completion"],
    )


def _house_shown(wanted: ModelWanted | TaskWanted) -> OllamaModel:
    if isinstance(wanted, TaskWanted):
        name = f"amalfa/{wanted.name}"
        does = f"The task {wanted.name} over the notes of this project; the last message of the user is its input."
    elif wanted.wish_model is not None:
        name, does = wanted.wish_model, "A pipeline of this project: its layers decide which models have a part in it."
    else:
        name, does = "amalfa", "No single model: sonar chooses one for each request, by the rules of this project."
    info: dict[str, str | int] = {"general.architecture": "amalfa", "general.name": name, "general.description": does}
    return OllamaModel(modelfile=f"# {does}\n", model_info=info, capabilities=_house_abilities(name))


def _house_abilities(name: str) -> list[str]:
    # The caller's own tools go to a model; a task has its own way of working.
    return ["completion", "tools"] if name == "amalfa" else ["completion"]


def _details(row: ModelShown) -> OllamaDetails:
    return OllamaDetails(
        format="gguf" if row.quantization else "",
        family=row.family,
        families=[row.family] if row.family else [],
        parameter_size=row.parameter_size,
        quantization_level=row.quantization,
    )
