"""The routes of model management: every model sonar knows of in one list; loading, unloading, pulling local ones."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.calls import ModelName, Tier, parse_model_name
from amalfa.clock import SystemClock
from amalfa.errors import NotFound, UsageProblem
from amalfa.execution.candidates import spell_out
from amalfa.execution.steps import Emit, Phase, Progress
from amalfa.providers.forecast import Action, Forecast
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.ollama_names import is_cloud_name
from amalfa.providers.provider import Provider
from amalfa.server.bodies import ErrorDetail
from amalfa.server.engine import engine_of
from amalfa.server.error_body import error_document
from amalfa.server.model_bodies import ActionBody, ActionShown, ModelsShown
from amalfa.server.reply import Document, reply_to, wants_events
from amalfa.server.shelf import Shelf, look_around, spelled
from amalfa.server.work import read_body

INFO_S = 10.0
LOAD_S = 900.0
UNLOAD_S = 30.0

_TIERS = (Tier.LOCAL, Tier.CLOUD, Tier.EMBEDDED)
_TRUE = ("1", "true", "yes")


async def list_models(request: Request) -> Response:
    """`?all=true` adds every model somebody knows of; `?q=words` keeps those whose names hold all the words."""
    engine = engine_of(request)
    words = request.query_params.get("q", "").lower().split()
    is_all = request.query_params.get("all", "").lower() in _TRUE
    async with engine.lease():
        shelf = await look_around(engine)
        names = shelf.names(is_all=is_all or bool(words))
        models = [shelf.row(name) for name in names if all(word in str(name).lower() for word in words)]
    models.sort(key=lambda one: (_TIERS.index(one.tier), one.installed is False, one.name))
    shown = ModelsShown(models=models, unreachable=shelf.unreachable, as_of=dict(shelf.catalogue.as_of))
    return JSONResponse(shown.model_dump(mode="json"))


async def show_model(request: Request) -> Response:
    engine = engine_of(request)
    async with engine.lease():
        providers = engine.providers()
        name = _name(request, providers)
        provider = providers.get(name.provider)
        if isinstance(provider, OllamaProvider) and not is_cloud_name(name.model):
            facts, places = await provider.model_library.info(name.model, deadline_s=_in(INFO_S))
            catalogue, named = engine.catalogue(), set(engine.named_models())
            shelf = Shelf(providers, catalogue, named, {spelled(name): places})
            row = shelf.row(spelled(name), described=facts)
        else:
            shelf = await look_around(engine, is_local=False)
            if name not in shelf.names(is_all=True):
                raise NotFound(f"Nothing is known of a model {name}.", hint=f"amalfa models list {name.model}")
            row = shelf.row(name)
    return JSONResponse(row.model_dump(mode="json"))


async def load_model(request: Request) -> Response:
    async def act(provider: OllamaProvider, model: str, body: ActionBody, emit: Emit) -> Forecast:
        forecast = await provider.model_library.forecast_load(model, host=body.host)
        if not body.dryRun:
            async with aclosing(provider.model_library.load(forecast, deadline_s=_in(LOAD_S))) as phases:
                async for phase in phases:
                    await emit(Phase(phase.phase))
        return forecast

    return await _act(request, "load", act)


async def unload_model(request: Request) -> Response:
    async def act(provider: OllamaProvider, model: str, body: ActionBody, emit: Emit) -> Forecast:
        forecast = await provider.model_library.forecast_unload(model, host=body.host, is_forced=body.force)
        if not body.dryRun:
            await provider.model_library.unload(forecast, deadline_s=_in(UNLOAD_S))
        return forecast

    return await _act(request, "unload", act)


async def pull_model(request: Request) -> Response:
    """Streams `progress` events with `"stream": true`; hanging up stops the download, and the next one resumes."""

    async def act(provider: OllamaProvider, model: str, body: ActionBody, emit: Emit) -> Forecast:
        forecast = await provider.model_library.forecast_pull(model, host=body.host)
        if not body.dryRun:
            async with aclosing(provider.model_library.pull(forecast)) as steps:
                async for step in steps:
                    told = step.progress
                    await emit(Progress(told.status, told.completed, told.total, step.url))
        return forecast

    return await _act(request, "pull", act)


_Act = Callable[[OllamaProvider, str, ActionBody, Emit], Awaitable[Forecast]]


async def _act(request: Request, action: Action, act: _Act) -> Response:
    engine = engine_of(request)
    body = read_body(ActionBody, await request.json() if await request.body() else {})

    async def work(emit: Emit) -> Document:
        async with engine.lease():
            providers = engine.providers()
            name = _name(request, providers)
            provider = _manageable(name, providers, action)
            forecast = await act(provider, name.model, body, emit)
        return _told(forecast, is_dry_run=body.dryRun).model_dump(mode="json")

    return await reply_to(work, as_events=wants_events(request, is_asked=body.stream))


def _manageable(name: ModelName, providers: Mapping[str, Provider], action: Action) -> OllamaProvider:
    """The Ollama provider of a local model. Raises UsageProblem that says why there is nothing to do."""
    provider = providers.get(name.provider)
    if provider is None:
        raise NotFound(f"There is no provider {name.provider!r}.", hint=f"use one of {', '.join(sorted(providers))}")
    if isinstance(provider, OllamaProvider) and not is_cloud_name(name.model):
        return provider
    if provider.tier is Tier.EMBEDDED:
        reason = f"{name} is part of sonar"
    elif provider.tier is Tier.CLOUD or isinstance(provider, OllamaProvider):
        reason = f"{name} runs in the cloud of {name.provider}"
    else:
        reason = f"{name.provider} manages its models by itself"
    raise UsageProblem(f"{reason}; there is nothing to {action}.", hint="amalfa models list")


def _told(forecast: Forecast, *, is_dry_run: bool) -> ActionShown:
    refusal = ErrorDetail.model_validate(error_document(forecast.refusal)) if forecast.refusal else None
    return ActionShown(
        action=forecast.action,
        model=forecast.model,
        dry_run=is_dry_run,
        changes=forecast.changes,
        hosts=list(forecast.hosts),
        does=list(forecast.does),
        warnings=list(forecast.warnings),
        pushed_out=list(forecast.pushed_out),
        refusal=refusal,
    )


def _name(request: Request, providers: Mapping[str, Provider]) -> ModelName:
    """The model that the path names, as people write models; `local:NAME` is NAME at the first local provider."""
    name = parse_model_name(request.path_params["name"], {*providers, "local"})
    return next(iter(spell_out(name, providers)), name)


def _in(seconds: float) -> float:
    return SystemClock().monotonic_s() + seconds
