"""Names the settings that a running sonar cannot take over."""

from amalfa.config.keypath import show_key
from amalfa.config.loaded import leaves
from amalfa.config.settings import Settings

NEEDS_RESTART = ("sonar.http.enabled", "sonar.http.host", "sonar.http.port")
"""They say where sonar listens, which is settled when it starts; `AMALFA_HOME` is another such thing."""


def changed_for_restart(old: Settings, new: Settings) -> tuple[str, ...]:
    """The settings of `new` that will only be in force after `amalfa sonar restart`."""
    before, after = ({show_key(path): value for path, value in leaves(one)} for one in (old, new))
    return tuple(key for key in NEEDS_RESTART if before[key] != after[key])
