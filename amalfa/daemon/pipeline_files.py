"""What pipelines need of the daemon: the means of their hooks, what is known around them, and those in loose files."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from amalfa.config.load import load
from amalfa.config.loaded import Loaded
from amalfa.daemon.generation import Generation, Lasting, Parts
from amalfa.daemon.log import learn_secrets
from amalfa.errors import UntrustedConfig
from amalfa.execution.redaction import Redactor
from amalfa.paths import Project
from amalfa.pipelines.check import Known
from amalfa.pipelines.graph import Pipeline
from amalfa.pipelines.hooks import HookMeans, hooks_off_reason
from amalfa.pipelines.loading import PipelineReport, pipelines_of, report_on
from amalfa.providers.provider import Provider
from amalfa.providers.registry import build_providers
from amalfa.tasks.desk import Desk

_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")


def hook_means(loaded: Loaded, project: Project, environ: Mapping[str, str], lasting: Lasting) -> HookMeans:
    """What the hooks of one Generation work with. Variables of the project's `.env` that are read count as set."""
    privacy = loaded.settings.sonar.privacy
    own = {name: found.secret.reveal() for name, found in loaded.env_values.items()}
    return HookMeans(
        root=project.root,
        environ={**own, **environ},
        off_reason=hooks_off_reason(loaded),
        redactor=Redactor(privacy.redact, privacy.redact_built_in),
        clock=lasting.clock,
        tasks=lasting.tasks,
    )


def reports_of(
    pipelines: Mapping[str, Pipeline], loaded: Loaded, environ: Mapping[str, str]
) -> Iterator[PipelineReport]:
    """Each pipeline in force, with the keys that are not set among its problems."""

    def has_variable(name: str) -> bool:
        return bool(environ.get(name, "").strip()) or name in loaded.env_values

    known = Known(has_variable, frozenset(loaded.endpoints))
    return (report_on(pipeline, known) for pipeline in pipelines.values())


@asynccontextmanager
async def with_pipeline_file(
    path: str, current: Generation, project: Project, environ: Mapping[str, str], lasting: Lasting
) -> AsyncIterator[tuple[Desk, str]]:
    """A desk that knows the pipeline in a file besides all others, and the pipeline's name.

    The file is read, checked and asked about as if the project's configuration named it. Raises InvalidConfig with
    everything wrong with it, or UntrustedConfig for what only the user may grant.
    """
    name = _ILLEGAL.sub("-", Path(path).stem).strip("-") or "pipeline"
    loaded = await anyio.to_thread.run_sync(partial(_loaded, name, path, project, environ))
    learn_secrets(secret.reveal() for secret in loaded.keys.secrets())
    built = build_providers(loaded, tasks=lasting.tasks, clock=lasting.clock, paces=lasting.paces)
    serving = {_fingerprint(provider): provider for provider in current.providers.values()}
    try:
        providers = {key: serving.get(_fingerprint(provider), provider) for key, provider in built.items()}
        hooks = hook_means(loaded, project, environ, lasting)
        parts = Parts(providers, current.notes, pipelines_of(loaded), hooks)
        yield Generation(current.number, loaded, parts, lasting).desk, name
    finally:
        with anyio.CancelScope(shield=True):
            for provider in built.values():
                await provider.aclose()


def _loaded(name: str, path: str, project: Project, environ: Mapping[str, str]) -> Loaded:
    try:
        return load(project, environ=environ, pipelines={name: path})
    except UntrustedConfig as error:
        hint = f'name it under sonar.pipelines, as "{name}": "{path}", and run amalfa trust'
        raise UntrustedConfig(error.message, hint=hint, problems=error.problems) from None


def _fingerprint(provider: Provider) -> str:
    return str(getattr(provider, "fingerprint", provider.name))
