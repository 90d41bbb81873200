"""Builds Generations: loads the configuration, makes its providers, notes and pipelines. Serves nothing."""

import logging
from collections.abc import Mapping

from amalfa.calls import PrivacyClass, parse_model_name
from amalfa.config.load import load
from amalfa.config.loaded import Loaded
from amalfa.daemon.generation import Generation, Lasting, Parts
from amalfa.daemon.log import learn_secrets
from amalfa.daemon.notes import Library, NoteKeeper, sources_of
from amalfa.daemon.pipeline_files import hook_means
from amalfa.execution.embedder import EmbeddingModel, EmbeddingProvider
from amalfa.knowledge.vectors import Embedder
from amalfa.paths import Project
from amalfa.pipelines.loading import pipelines_of
from amalfa.providers.provider import Provider
from amalfa.providers.registry import build_providers

log = logging.getLogger("amalfa.daemon")


class Builder:
    """Makes Generations: what they are made from outlives them and is kept here."""

    def __init__(
        self, project: Project, environ: Mapping[str, str], lasting: Lasting, keeper: NoteKeeper, is_watching: bool
    ) -> None:
        self.project = project
        self.lasting = lasting
        self.keeper = keeper
        self.environ = environ
        self._is_watching = is_watching

    def load(self) -> Loaded:
        loaded = load(self.project, environ=self.environ)
        learn_secrets(secret.reveal() for secret in loaded.keys.secrets())
        # A pipeline that cannot run keeps the last good configuration in force, as every other mistake does.
        pipelines_of(loaded)
        return loaded

    def build(self, number: int, loaded: Loaded) -> Generation:
        docs = loaded.settings.docs
        sources = sources_of(self.project.root, docs)
        index = self.keeper.use(sources, is_watching=self._is_watching and docs.watch)
        providers = build_providers(
            loaded, tasks=self.lasting.tasks, clock=self.lasting.clock, paces=self.lasting.paces
        )
        embedder = self._embedder(number, loaded, providers)
        local_only = loaded.settings.sonar.privacy.local_only
        library = Library(self.keeper, index, local_only=local_only, embedder=embedder)
        self.keeper.keep_vectors(library.fill_vectors if embedder else None)
        parts = Parts(
            providers, library, pipelines_of(loaded), hook_means(loaded, self.project, self.environ, self.lasting)
        )
        return Generation(number, loaded, parts, self.lasting)

    def _embedder(self, number: int, loaded: Loaded, providers: Mapping[str, Provider]) -> Embedder | None:
        """The model of `docs.embeddings`; None without one, or when its provider cannot embed."""
        written = loaded.settings.docs.embeddings
        if written is None:
            return None
        name = parse_model_name(written, providers)
        provider = providers.get(name.provider)
        if not isinstance(provider, EmbeddingProvider):
            log.warning("docs.embeddings: %s cannot embed, so the notes are searched by words alone", name.provider)
            return None
        if not provider.is_verified_local:
            # Every question and every note would go there, `--local` or not, and no route would tell of it.
            log.warning("docs.embeddings: %s is not verified to be your own, so it is not used", name.provider)
            return None
        ledger, clock = self.lasting.ledger, self.lasting.clock
        model = EmbeddingModel(name, provider, PrivacyClass.LOCAL_ONLY, ledger, clock, number)
        return Embedder(model.embed, str(name), is_local=True)
