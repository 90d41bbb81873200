"""Checks of the daemon: does it run, answer, fit this version, know the keys, and keep its index fresh."""

from collections.abc import Iterator

from amalfa import __version__
from amalfa.cli.checkup.finding import Finding, fine, problem, warning
from amalfa.cli.checkup.patient import Patient


def check_sonar(patient: Patient) -> Iterator[Finding]:
    sonar = patient.sonar
    if sonar is None:
        return
    if sonar.state == "not running":
        yield fine("sonar", "Sonar is not running; the first question starts it.")
        return
    if sonar.state == "not answering":
        text = f"Sonar (pid {sonar.pid or 'unknown'}) is not answering. {sonar.reason} Its log is {sonar.log}."
        yield problem("sonar", text, "amalfa sonar restart --force")
        return
    version = sonar.data.text("version")
    if version != __version__:
        yield warning("sonar", f"Sonar is version {version}, this is {__version__}.", "amalfa sonar restart")
    yield fine("sonar", f"Sonar runs (pid {sonar.pid}) on {sonar.socket}.")
    for notice in sonar.data.texts("notices"):
        yield problem("sonar", notice, "amalfa sonar logs")


def check_config_in_force(patient: Patient) -> Iterator[Finding]:
    """A running sonar that keeps an older configuration, because the file is broken."""
    config = patient.told.item("config")
    if config.items("problems"):
        text = f"The file is broken; sonar keeps generation {config.whole('generation')} of the configuration."
        yield problem("config", text, "amalfa config check")


def check_keys_in_force(patient: Patient) -> Iterator[Finding]:
    """A key that is set here and unknown to sonar, which has the environment it was started in."""
    if patient.loaded is None:
        return
    for provider in patient.told.items("providers"):
        name = provider.text("name")
        found = patient.loaded.keys.for_provider(name)
        if provider.text("state") == "no_key" and found is not None:
            where = (
                f"{found.origin}" if found.origin.kind != "environment" else f"{found.origin.name} is set in this shell"
            )
            yield problem("keys", f"{where}, but sonar does not have the key of {name}.", "amalfa sonar restart")


def check_cloud(patient: Patient) -> Iterator[Finding]:
    """Providers that sonar has put aside, with what they said; those of a cloud that is switched off do not count."""
    if patient.loaded is not None and patient.loaded.settings.sonar.cloud.enabled is False:
        return
    for provider in patient.told.items("providers"):
        name, reason = provider.text("name"), provider.text("reason")
        if provider.text("state") == "parked":
            text = f"{name} is not asked any more: {reason or 'its key was refused'}."
            yield problem("cloud", text, f"correct the key of {name}, then: amalfa sonar reload")


def check_index(patient: Patient) -> Iterator[Finding]:
    index = patient.told.item("index")
    if not index:
        return
    notes, stale = index.whole("notes") or 0, index.whole("stale") or 0
    if not notes:
        yield warning("notes", "No notes are indexed.", "amalfa config set docs.sources '[\"FOLDER\"]'")
    elif stale:
        yield warning("notes", f"{stale} notes are newer than the index.", "amalfa index rebuild")
    else:
        yield fine("notes", f"{notes:,} notes are indexed.")
