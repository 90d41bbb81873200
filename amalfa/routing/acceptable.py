"""`acceptableModels`: which models a list of globs lets through."""

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache

from amalfa.calls import ModelName, Tier


def is_acceptable(model: ModelName, tier: Tier, globs: Sequence[str]) -> bool:
    """Whether any glob names the model; no globs let everything through.

    `local:*` means every provider of the local tier, and likewise `cloud:*`. A glob without a provider is
    read as a model name is: with a `/` it belongs to openrouter, otherwise to ollama.
    """
    return not globs or any(_names(glob, model, tier) for glob in globs)


def _names(glob: str, model: ModelName, tier: Tier) -> bool:
    if glob == "*":
        return True
    names = [str(model), f"{tier}:{model.model}"]
    if (model.provider == "openrouter") == ("/" in glob) and model.provider in ("openrouter", "ollama"):
        names.append(model.model)
    matches = _pattern(glob).match
    return any(matches(name) for name in names)


@lru_cache(maxsize=512)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob), re.IGNORECASE)
