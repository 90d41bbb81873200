"""What the variable OPENROUTER_PREFERENCES may hold: sonar's preferences under their names of now and of before, and
the fields OpenRouter itself knows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from amalfa.config.jsonc import Json
from amalfa.config.keypath import KeyPath
from amalfa.config.openrouter_settings import OpenRouterRouting
from amalfa.config.problems import suggestion
from amalfa.config.routing_settings import Preferences
from amalfa.config.values import camel_case

PREFERENCES: KeyPath = ("sonar", "routing", "preferences")
ROUTING: KeyPath = ("sonar", "providers", "openrouter", "routing")


@dataclass(frozen=True, slots=True)
class PreferencesRead:
    """The settings by key path, and what was wrong with the rest."""

    settings: tuple[tuple[KeyPath, Json], ...]
    complaints: tuple[str, ...]


def read_preferences(value: Json) -> PreferencesRead:
    """Sort the keys of the object to where they belong. Raises ValueError when it is no object.

    A key may be spelled `prefer_local` or `preferLocal`.
    """
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object")
    settings: dict[KeyPath, tuple[str, Json]] = {}
    complaints: list[str] = []
    for written, inner in value.items():
        meaning = _MEANINGS.get(camel_case(written))
        if meaning is None:
            complaints.append(f'unknown key "{written}"{suggestion(written, _SPELLINGS)}')
        elif meaning.path in settings:
            first = settings[meaning.path][0]
            complaints.append(f'"{first}" and "{written}" mean the same; keep one of them')
        else:
            settings[meaning.path] = (written, meaning.convert(inner))
    return PreferencesRead(tuple((path, inner) for path, (_, inner) in settings.items()), tuple(complaints))


@dataclass(frozen=True, slots=True)
class _Meaning:
    """The setting a key stands for, and how its value is turned into the setting's."""

    path: KeyPath
    convert: Callable[[Json], Json]


def _as_it_is(value: Json) -> Json:
    return value


def _per_1k(value: Json) -> Json:
    """USD per token to USD per 1,000 tokens; what is no number is left for the check of the settings."""
    return value * 1000 if isinstance(value, int | float) and not isinstance(value, bool) else value


def _camel_keys(value: Json) -> Json:
    """OpenRouter writes the keys of its objects in snake case, and so do people who know them."""
    return {camel_case(key): inner for key, inner in value.items()} if isinstance(value, dict) else value


# Names of earlier designs. `models` stands here because it meant this long before OpenRouter had a list of its own.
_EARLIER: Mapping[str, str] = {
    "prefer_fast": "prefer_faster",
    "min_quality": "quality_threshold",
    "max_cost_per_1k": "max_cost_per_1k_tokens",
    "max_cost_per_token": "max_cost_per_1k_tokens",
    "allow_fallback": "fallback_to_cloud",
    "allow_cloud_fallback": "fallback_to_cloud",
    "models": "acceptable_models",
}
_SPELLINGS = (*Preferences.model_fields, *OpenRouterRouting.model_fields, *_EARLIER)


def _meanings() -> dict[str, _Meaning]:
    routing = {name: _Meaning((*ROUTING, camel_case(name)), _camel_keys) for name in OpenRouterRouting.model_fields}
    own = {name: _Meaning((*PREFERENCES, camel_case(name)), _as_it_is) for name in Preferences.model_fields}
    earlier = {
        name: _Meaning((*PREFERENCES, camel_case(now)), _per_1k if name == "max_cost_per_token" else _as_it_is)
        for name, now in _EARLIER.items()
    }
    return {camel_case(name): meaning for name, meaning in (routing | own | earlier).items()}


_MEANINGS = _meanings()
