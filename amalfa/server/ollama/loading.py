"""A request to Ollama that says nothing: it asks for a model to be brought into memory, or out of it."""

from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.clock import SystemClock
from amalfa.errors import ModelMissing, UsageProblem
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.ollama_names import is_cloud_name
from amalfa.server.door_models import PIPELINE, ModelWanted
from amalfa.server.engine import engine_of
from amalfa.server.models import LOAD_S
from amalfa.server.ollama.asking import wanted_by, writer_for
from amalfa.server.ollama.bodies import CallOfModel
from amalfa.server.ollama.errors import not_found
from amalfa.server.ollama.listing import named_by
from amalfa.server.ollama.stream import Voice


async def load(request: Request, body: CallOfModel, voice: Voice) -> Response:
    """Load the model, and say so when it is in memory. Raises UsageProblem for a name that is no one local model's."""
    writer = writer_for(body.model, voice)
    engine = engine_of(request)
    wanted = wanted_by(body.model, engine)
    if body.asks_to_unload:
        raise UsageProblem(
            "Sonar does not unload a model because one program is done with it.",
            hint=f"amalfa models unload {body.model}",
        )
    if not isinstance(wanted, ModelWanted) or wanted.wish_model is None or wanted.wish_model.startswith(PIPELINE):
        raise UsageProblem(f"{body.model} is no single model that could be loaded.", hint="send messages or a prompt")
    async with engine.lease():
        providers = engine.providers()
        name = named_by(wanted.wish_model, providers)
        provider = providers.get(name.provider)
        if not isinstance(provider, OllamaProvider) or is_cloud_name(name.model):
            raise UsageProblem(f"{name} is not loaded by sonar.", hint="send messages or a prompt")
        library, deadline_s = provider.model_library, SystemClock().monotonic_s() + LOAD_S
        try:
            forecast = await library.forecast_load(name.model)
            async with aclosing(library.load(forecast, deadline_s=deadline_s)) as phases:
                async for _ in phases:
                    pass
        except ModelMissing as error:
            raise not_found(body.model, hint=error.hint) from None
    return JSONResponse(writer.loaded())
