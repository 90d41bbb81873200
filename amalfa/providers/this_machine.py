"""What this machine has room for: memory, and disk where Ollama keeps its models. Only reads."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

_GPUS = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/dev/dri/renderD128")


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of this machine. `disk_bytes` is what is free where models are kept; None when that place is not known.

    `has_gpu` is true also when it cannot be ruled out: then a model may fit although the memory is too small.
    """

    free_memory_bytes: int
    memory_bytes: int
    has_gpu: bool
    disk_bytes: int | None


def room() -> Room:
    """As it is now."""
    import psutil  # a heavy import that only model management needs

    memory = psutil.virtual_memory()
    return Room(
        free_memory_bytes=memory.available,
        memory_bytes=memory.total + psutil.swap_memory().total,
        has_gpu=sys.platform == "darwin" or any(Path(device).exists() for device in _GPUS),
        disk_bytes=_free_disk(),
    )


def _free_disk() -> int | None:
    """What is free at OLLAMA_MODELS or in the home of the user. A server run by somebody else keeps them elsewhere."""
    named = os.environ.get("OLLAMA_MODELS")
    for place in (Path(named) if named else None, Path.home() / ".ollama"):
        if place is not None and place.is_dir():
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return None
    return None
