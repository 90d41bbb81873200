"""`GET /v1/models`: every name that a request may give for its model, as far as it is known."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.server.door_models import ModelNotFound
from amalfa.server.engine import Engine, engine_of
from amalfa.server.openai.names import own_names, wanted_by
from amalfa.server.openai.shown import ModelShown, ModelsShown
from amalfa.server.shelf import look_around

OWNER = "amalfa"
NEVER = 0
"""When a model was made is not known here, and the shape demands a number."""


async def list_models(request: Request) -> Response:
    found = await _found(engine_of(request))
    return JSONResponse(ModelsShown(object="list", data=list(found.values())).model_dump(mode="json"))


async def show_model(request: Request) -> Response:
    """One model by any of the spellings that a request may use. Raises ModelNotFound for one that nobody knows."""
    engine, name = engine_of(request), request.path_params["name"]
    wanted_by(name, engine)
    found = await _found(engine)
    # Names are given with their provider and tag; people leave out what goes without saying.
    for spelling in (name, f"ollama:{name}", f"openrouter:{name}", f"pipeline:{name}"):
        for known in (spelling, f"{spelling}:latest"):
            if known in found:
                return JSONResponse(found[known].model_copy(update={"id": name}).model_dump(mode="json"))
    raise ModelNotFound(f"Nothing is known of a model {name!r}.", hint="see GET /v1/models")


async def _found(engine: Engine) -> dict[str, ModelShown]:
    """Our own names first, then what is installed or named in the configuration."""
    async with engine.lease():
        shelf = await look_around(engine)
        owners = dict.fromkeys(own_names(engine), OWNER)
        owners |= {str(name): name.provider for name in shelf.names(is_all=False)}
    return {name: ModelShown(id=name, object="model", created=NEVER, owned_by=owner) for name, owner in owners.items()}
