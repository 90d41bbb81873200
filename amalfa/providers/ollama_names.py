"""How Ollama names models: which spellings mean the same one, and which names mean a cloud's."""

import re
from urllib.parse import urlsplit

_DEFAULT_PLACE = re.compile(r"\A(?:registry\.ollama\.ai/)?(?:library/)?")


def full_name(model: str) -> str:
    """The one form in which two spellings of a model are equal: lower case, shortest, always with its tag."""
    shortest = _DEFAULT_PLACE.sub("", model.strip().lower(), count=1)
    return shortest if ":" in shortest.rpartition("/")[2] else f"{shortest}:latest"


def is_cloud_name(model: str) -> bool:
    """Whether Ollama sends a model of this name to its cloud without being told so by anything else."""
    tag = full_name(model).rpartition(":")[2]
    return tag == "cloud" or tag.endswith("-cloud")


def is_hosted(url: str) -> bool:
    """Whether this is Ollama's own cloud, which speaks the same API as a server of one's own."""
    host = urlsplit(url).hostname or ""
    return host == "ollama.com" or host.endswith(".ollama.com")
