"""Checks of the local models: does each Ollama answer, and does it have the model that is configured."""

from collections.abc import Iterator

from amalfa.cli.checkup.finding import Finding, fine, problem, warning
from amalfa.cli.checkup.patient import Patient
from amalfa.cli.checkup.probe import ProbeFailed, get_json
from amalfa.client.document import Document
from amalfa.config.loaded import Loaded
from amalfa.config.settings import Sonar


def check_ollama(patient: Patient) -> Iterator[Finding]:
    """Ask every host of the provider `ollama` for its models. Hosts that wait for trust are not dialled."""
    loaded = patient.loaded
    endpoint = loaded.endpoints.get("ollama") if loaded else None
    if loaded is None or endpoint is None:
        return
    if not loaded.settings.sonar.enabled:
        yield fine("ollama", "sonar.enabled is false: the embedded engine serves every task.")
        return
    installed: set[str] = set()
    for url in endpoint.urls:
        try:
            models = Document(get_json(f"{url}/api/tags")).items("models")
        except ProbeFailed as failure:
            yield warning("ollama", f"Ollama at {url} {failure}.{_meanwhile(loaded)}", _start_command(url))
            continue
        installed.update(model.text("name") or model.text("model") for model in models)
        yield fine("ollama", f"Ollama at {url} has {len(models)} models.")
        yield from _check_models(loaded.settings.sonar, installed)


def _check_models(sonar: Sonar, installed: set[str]) -> Iterator[Finding]:
    wanted = [sonar.model, *sonar.model_priority]
    there = [name for name in wanted if name in installed or f"{name}:latest" in installed]
    if not there:
        yield problem("model", f"{sonar.model} is not installed.", f"ollama pull {sonar.model}")
    elif there[0] != sonar.model:
        yield warning("model", f"{sonar.model} is not installed; {there[0]} is used.", f"ollama pull {sonar.model}")
    else:
        yield fine("model", f"{sonar.model} is installed.")


def _meanwhile(loaded: Loaded) -> str:
    others = "the cloud or the embedded engine" if loaded.settings.sonar.cloud.enabled else "the embedded engine"
    return f" Until it does, {others} answers"


def _start_command(url: str) -> str:
    is_here = "localhost" in url or "127.0.0.1" in url or "[::1]" in url
    return "ollama serve" if is_here else f"start Ollama at {url}, or correct sonar.host"
