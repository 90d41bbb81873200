"""The state of a simulated Ollama and what its routes have in common: models, memory, refusals."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from typing_extensions import override

from amalfa.clock import Clock
from tests.upstreams.go import FOREVER, to_json
from tests.upstreams.http_server import Exchange
from tests.upstreams.ollama_counters import OllamaCounters
from tests.upstreams.ollama_errors import NAMED, OllamaError
from tests.upstreams.ollama_models import Library, OllamaModel, asks_for_cloud, is_valid_name, model_named, with_tag
from tests.upstreams.ollama_registry import Registry
from tests.upstreams.ollama_requests import Body, read_body
from tests.upstreams.ollama_scheduler import Limits, Scheduler
from tests.upstreams.playing import Head, play_instead, play_whole
from tests.upstreams.script import Step
from tests.upstreams.simulator import Simulator, listed

JSON = ("Content-Type", "application/json; charset=utf-8")


class OllamaHost(Simulator):
    """Everything of an Ollama but its routes, which `ollama.OllamaSimulator` adds.

    `load_s` is the time a cold load takes, `token_ms` the time per generated piece, `prefill_ms` per
    prompt piece not in the prefix cache. `num_ctx` is the server's default context. `pullable` None means
    that every valid name can be pulled. `cloud` says what happens to models that Ollama would forward.
    `has_counts` False leaves `prompt_eval_count` out; `is_old` is a server of 2025: it never refuses a long
    prompt, embeds with any model, and words a missing model differently.
    """

    known_errors = frozenset(NAMED)

    def __init__(
        self,
        models: Iterable[str | OllamaModel] = ("qwen2.5:1.5b", "nomic-embed-text"),
        *,
        port: int = 0,
        clock: Clock | None = None,
        load_s: float = 0.0,
        token_ms: float = 0.0,
        prefill_ms: float = 0.0,
        num_ctx: int = 4096,
        num_parallel: int = 1,
        max_loaded: int = 3,
        max_queue: int = 512,
        keep_alive_s: float = 300.0,
        version: str | None = None,
        cloud: Literal["on", "disabled", "signed_out", "signed_out_no_key"] = "on",
        pullable: Iterable[str] | None = None,
        pull_s: float = 0.0,
        is_offline: bool = False,
        has_counts: bool = True,
        is_old: bool = False,
    ) -> None:
        super().__init__(port=port, clock=clock)
        given = listed(models) if isinstance(models, str) else models
        self.installed_models = Library([model_named(one) if isinstance(one, str) else one for one in given])
        self.counters = OllamaCounters()
        self.load_s = load_s
        self.token_ms = token_ms
        self.prefill_ms = prefill_ms
        self.num_ctx = num_ctx
        self.version = version or ("0.5.7" if is_old else "0.33.0")
        self.cloud = cloud
        self.has_counts = has_counts
        self.is_old = is_old
        self.registry = Registry(None if pullable is None else {with_tag(one) for one in pullable}, pull_s, is_offline)
        kept = FOREVER if keep_alive_s < 0 else timedelta(seconds=keep_alive_s)
        self.limits = Limits(num_parallel, max_loaded, max_queue, kept)
        self.scheduler = self._new_scheduler()

    def install(self, model: str | OllamaModel) -> None:
        """Make a model available, as if it had just been pulled."""
        made = model_named(model) if isinstance(model, str) else model
        self.installed_models.install(replace(made, modified_at=self.clock.now()))

    def uninstall(self, name: str) -> None:
        if (model := self.installed_models.find(name)) is not None:
            self.installed_models.remove(model)

    @property
    def loaded(self) -> list[str]:
        """The models in memory, as /api/ps would list them."""
        return [runner.model.name for runner in self.scheduler.loaded()]

    @override
    async def start(self) -> None:
        self.scheduler = self._new_scheduler()
        await super().start()

    @override
    async def stop(self) -> None:
        """Stop like a killed server: connections drop and every model leaves memory."""
        try:
            await super().stop()
        finally:
            self.scheduler.unload_all()

    async def played(self, exchange: Exchange, step: Step) -> bool:
        """Play a step that stands in for the whole answer: a fault, a named error, a status or a body."""
        if step.error is not None:
            raise replace(NAMED[step.error], headers=step.headers)
        if await play_instead(exchange, step):
            return True
        if step.status is None:
            return False
        body = step.body if isinstance(step.body, str) else None
        content = (
            body.encode() if body is not None else to_json(step.body if isinstance(step.body, dict | list) else {})
        )
        await play_whole(exchange, Head(step.status, (JSON,)), content, step)
        return True

    async def refuse(self, exchange: Exchange, refusal: OllamaError) -> None:
        """Send an error; one raised inside the streaming writer goes out chunked and without a charset."""
        body = Body(_lenient(exchange))
        if refusal.late and body.flag("stream", True) and exchange.request.path in ("/api/chat", "/api/generate"):
            await exchange.begin(refusal.status, (("Content-Type", "application/json"), *refusal.headers.items()))
            await exchange.chunk(refusal.body())
            await exchange.end()
        else:
            await exchange.whole(refusal.status, (JSON, *refusal.headers.items()), refusal.body())

    def model_step(self, step: Step, name: str, model: OllamaModel, *fallback: str) -> Step:
        """The step for an inference request: the path's if there was one, else the model's, else `fallback`'s."""
        return self.take_step(name, model.name, *fallback) if step == Step() else step

    async def send_json(self, exchange: Exchange, value: object, step: Step) -> None:
        origin = exchange.request.header("origin")
        allowed = (("Access-Control-Allow-Origin", origin),) if origin else ()
        vary = (("Vary", "Origin"),) if origin else ()
        await play_whole(exchange, Head(200, (*allowed, JSON, *vary)), to_json(value), step)

    def find(self, name: str, missing: str) -> OllamaModel:
        """The installed model of that name. Raises OllamaError 400 for a bad name, 404 with `missing`."""
        model = self.installed_models.find(name)
        if model is None and name and not is_valid_name(name):
            raise OllamaError(400, "invalid model name")
        if re.search(r":local:cloud$|:cloud:local$|:local-cloud$", name):
            raise OllamaError(400, f'use either :local or :cloud, not both: "{name}"')
        if model is None and name and asks_for_cloud(name):
            model = model_named(name)
        if model is None:
            raise OllamaError(404, missing)
        return model

    def _new_scheduler(self) -> Scheduler:
        return Scheduler(self.limits, self.clock, self.counters, self._load)

    async def _load(self, model: OllamaModel) -> None:
        step = self.take_step(f"load:{model.name}", "load")
        await asyncio.sleep(self.load_s + step.delay_ms / 1000)
        if step.error is not None:
            raise replace(NAMED[step.error])


def _lenient(exchange: Exchange) -> Mapping[str, object]:
    try:
        return read_body(exchange.request.body, "ChatRequest")
    except OllamaError:
        return {}
