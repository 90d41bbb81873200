"""Checks of what was configured: the project, its file, the leave it needs, the keys."""

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from amalfa.cli.checkup.finding import Finding, fine, problem, warning
from amalfa.cli.checkup.patient import Patient
from amalfa.config.known_providers import KNOWN_PROVIDERS
from amalfa.config.loaded import Loaded


def check_project(patient: Patient) -> Iterator[Finding]:
    project = patient.project
    if project is None:
        yield problem("project", "There is no amalfa.config.json in this folder or above it.", "amalfa init")
    elif not project.config.exists():
        yield problem("project", f"{project.config} does not exist.", "amalfa init")
    else:
        yield fine("project", str(project.root))


def check_config(patient: Patient) -> Iterator[Finding]:
    """Every problem and warning of the configuration, with its place."""
    examined, project = patient.examined, patient.project
    if examined is None or project is None or not project.config.exists():
        return
    for found in examined.problems:
        yield problem("config", str(found), f"edit {found.path}")
    for found in examined.warnings:
        yield warning("config", str(found), f"edit {found.path}")
    if not examined.problems:
        yield fine("config", f"{project.config} is valid.")


def check_secret_files(patient: Patient) -> Iterator[Finding]:
    """`.env` beside the configuration is for its owner only."""
    if patient.project is None:
        return
    env = patient.project.root / ".env"
    try:
        found = env.stat()
    except OSError:
        return
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077 and found.st_uid == os.getuid():
        yield warning(
            "keys", f"Other users can read {env} (mode {mode:04o}).", f"chmod 600 {env}", mend=partial(env.chmod, 0o600)
        )


def check_trust(patient: Patient) -> Iterator[Finding]:
    if patient.examined is None or patient.examined.problems:
        return
    for request in patient.examined.held:
        yield problem("trust", str(request.problem), "amalfa trust")
    if not patient.examined.held and patient.examined.requests:
        yield fine("trust", f"{len(patient.examined.requests)} requests are approved.")


def check_keys(patient: Patient) -> Iterator[Finding]:
    """Which keys are there, masked, and where each comes from; which one the configuration waits for."""
    loaded = patient.loaded
    if loaded is None:
        return
    for name, found in loaded.keys.by_provider.items():
        yield fine("keys", f"{name}: {found.secret.masked}, from {found.origin}")
    cloud = loaded.settings.sonar.cloud
    if cloud.enabled is True and cloud.provider not in loaded.keys.by_provider and not _is_own_server(loaded):
        known = KNOWN_PROVIDERS.get(cloud.provider)
        name = known.key_name if known else ""
        yield problem(
            "keys",
            f"sonar.cloud is enabled, and there is no key for {cloud.provider}.",
            f"add {name}=… to {_env_path(patient)}",
        )


def check_sources(patient: Patient) -> Iterator[Finding]:
    """Whether the folders and files of `docs.sources` are there."""
    loaded, project = patient.loaded, patient.project
    if loaded is None or project is None:
        return
    for source in loaded.settings.docs.sources:
        is_glob = any(mark in source for mark in "*?[")
        if not is_glob and not (project.root / Path(source).expanduser()).exists():
            yield warning("notes", f"docs.sources names {source}, which does not exist.", f"edit {project.config}")


def _is_own_server(loaded: Loaded) -> bool:
    return loaded.settings.sonar.cloud.provider == "ollama"


def _env_path(patient: Patient) -> str:
    return str(patient.project.root / ".env") if patient.project else ".env"
