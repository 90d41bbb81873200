"""The names of models at this door: what one stands for, and which there are."""

from amalfa.server.door_models import ModelNotFound, ModelWanted, Wanted, house_names, wanted_model
from amalfa.server.engine import Engine

PIPELINE = "pipeline:"


def wanted_by(name: str, engine: Engine) -> Wanted:
    """What a name asks for. Raises ModelNotFound for one that can name nothing."""
    pipelines = frozenset(engine.pipeline_names())
    if not name.isprintable() or not name.strip():
        raise ModelNotFound("The model's name is empty or no name.", hint=_known(pipelines))
    wanted = wanted_model(name, pipelines)
    prefix, _, pipeline = (wanted.wish_model or "").partition(":") if isinstance(wanted, ModelWanted) else ("", "", "")
    if f"{prefix}:" == PIPELINE and pipeline not in pipelines:
        raise ModelNotFound(f"There is no pipeline {name!r}.", hint=_known(pipelines))
    return wanted


def own_names(engine: Engine) -> list[str]:
    """The names that are no single model's: the policy, the tasks, the pipelines."""
    return [*house_names(), *(f"{PIPELINE}{name}" for name in engine.pipeline_names())]


def _known(pipelines: frozenset[str]) -> str:
    return "use one of " + ", ".join((*house_names(), *(f"{PIPELINE}{name}" for name in sorted(pipelines))))
