"""Embeds texts that callers bring, under the same rules of privacy, cloud and money as every call.

There is no second model: vectors of different models mean different things, so a failure is told and not hidden.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import anyio
import anyio.to_thread

from amalfa.calls import Material, ModelName, PrivacyClass, Prompt, Tier, Usage, Wish, strictest
from amalfa.clock import Clock
from amalfa.errors import AmalfaError, CallError, NoProvider, NotAllowed, NotFound, OverBudget, UsageProblem
from amalfa.execution.asking import CLOSE_LEDGER_S
from amalfa.execution.candidates import Roster, Surroundings, gather_candidates, standing_of
from amalfa.execution.embedder import BATCH_TIMEOUT_S, TASK, EmbeddingProvider, Vectors
from amalfa.execution.ledger import Closing, CostSource, Ledger, Limit, Opening
from amalfa.execution.redaction import Redactor
from amalfa.execution.signals import Signals
from amalfa.execution.size import size_of
from amalfa.execution.switch import Board
from amalfa.messages import Message
from amalfa.providers.catalogue import Catalogue
from amalfa.providers.provider import Provider
from amalfa.routing.candidate import Candidate
from amalfa.routing.forbidden import forbidden
from amalfa.routing.policy import MAY_BE_TRIED
from amalfa.routing.rules import Need, Rules

_MONEY = frozenset({"price_unknown", "too_expensive"})


class Ruling(Protocol):
    """What the configuration says (`amalfa.execution.switch.Switch`)."""

    def rules(self, team: str | None = None) -> Rules: ...

    def limits(self, team: str | None) -> tuple[Limit, ...]: ...

    def spell_out(self, name: str) -> tuple[ModelName, ...]: ...


@runtime_checkable
class CountingProvider(Protocol):
    """A provider that tells what it counted; None in the usage is what it does not tell."""

    async def embed_counted(
        self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[Vectors, Usage]: ...


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """Texts to embed. `wish.model` None: the model of the configuration. `privacy` is the class of the texts."""

    request_id: str
    texts: tuple[str, ...]
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK
    wish: Wish = field(default_factory=Wish)


@dataclass(frozen=True, slots=True)
class Embedded:
    """One vector for each text, in order. `tier` is where the texts ended; `has_left` whether they left the machine.

    `usage.tokens_in` is None where the provider does not count.
    """

    vectors: Vectors
    model: ModelName
    tier: Tier
    has_left: bool
    usage: Usage
    generation: int


@dataclass(frozen=True, slots=True)
class EmbeddingCalls:
    """The embedding of one Generation. `usual` is `docs.embeddings`, `privacy` the class of texts that have none.

    `class_of` tells what the texts hold of what was said under a stricter class.
    """

    providers: Mapping[str, Provider]
    ruling: Ruling
    board: Board
    catalogue: Callable[[], Catalogue]
    ledger: Ledger
    signals: Signals
    redactor: Redactor
    clock: Clock
    generation: int
    usual: str | None
    privacy: PrivacyClass
    class_of: Callable[[Sequence[str]], Awaitable[PrivacyClass]]

    async def embed(self, call: EmbeddingCall) -> Embedded:
        """Embed at the model that is asked for. Raises AmalfaError, a CallError when the model itself failed.

        NotFound: no such model. NotAllowed: a rule forbids it. OverBudget: a limit on money does.
        """
        name = call.wish.model or self.usual
        if name is None:
            hint = "amalfa config set docs.embeddings ollama:nomic-embed-text"
            raise NotFound("No embedding model is configured.", hint=hint)
        await self.board.refresh(self.providers)
        call = replace(call, privacy=strictest((self.privacy, call.privacy, await self.class_of(call.texts))))
        # `local:NAME` stands for NAME at several providers; the first that may be asked is.
        problem: AmalfaError | None = None
        for model in self.ruling.spell_out(name):
            try:
                candidate, provider = self._permitted(model, call)
            except AmalfaError as error:
                problem = problem or error
                continue
            return await self._ask(call, candidate, provider)
        raise problem or NotFound(f"There is no model {name}.")

    def _permitted(self, model: ModelName, call: EmbeddingCall) -> tuple[Candidate, EmbeddingProvider]:
        provider = self.providers.get(model.provider)
        if provider is None:
            raise NotFound(f"There is no provider {model.provider!r}.", hint="amalfa models list")
        presences = {name: self.board.presence_of(one) for name, one in self.providers.items()}
        around = Surroundings(self.providers, presences, self.catalogue())
        found = gather_candidates(Roster((), ()), (model,), around)
        candidate = next(one for one in found if one.model == model)
        self._refuse_forbidden(candidate, call)
        if not isinstance(provider, EmbeddingProvider):
            raise UsageProblem(f"{model.provider} cannot embed.", hint="ask for ollama:nomic-embed-text")
        standing = standing_of(candidate, around)
        if standing.availability == "missing":
            sentence, _, remedy = standing.detail.partition(" Fix: ")
            raise NotFound(sentence, hint=remedy)
        if standing.availability not in MAY_BE_TRIED:
            raise NoProvider(f"{model} cannot be asked: {standing.detail}", hint="amalfa doctor")
        return candidate, provider

    def _refuse_forbidden(self, candidate: Candidate, call: EmbeddingCall) -> None:
        rules = self.ruling.rules(call.wish.team)
        # How well a model writes says nothing of its vectors.
        preferences = rules.preferences.model_copy(update={"quality_threshold": None})
        need = Need(TASK, call.privacy, call.wish, asked_models=(candidate.model,))
        judged = forbidden(candidate, need, replace(rules, preferences=preferences))
        if judged is None:
            return
        message = f"{candidate.model} may not be asked: {judged.detail}."
        raise OverBudget(message) if judged.code in _MONEY else NotAllowed(message, hint="amalfa config show")

    async def _ask(self, call: EmbeddingCall, candidate: Candidate, provider: EmbeddingProvider) -> Embedded:
        """One attempt, of which the signals hear."""
        model, prompt, asked = candidate.model, _as_prompt(call.texts), self.providers[candidate.model.provider]
        if candidate.leaves_machine:
            prompt, _ = await anyio.to_thread.run_sync(self.redactor.redacted, prompt)
        opening = self._opening(call, candidate, prompt)
        if (why := self.signals.enter(asked, model)) is not None:
            raise NoProvider(f"{model} is not asked now: {why}.", hint="amalfa doctor")
        embedded: Embedded | None = None
        failure: CallError | None = None
        try:
            embedded = await self._attempt(opening, candidate, provider, prompt)
        except CallError as error:
            failure = error
            raise
        finally:
            if failure is not None:
                self.signals.failed(asked, model, failure)
            elif embedded is not None:
                self.signals.succeeded(asked, model, tokens_in=size_of(prompt).likely_in, ms=embedded.usage.ms)
            else:  # neither a refusal by the budget nor a caller who left says anything of the route
                self.signals.left(asked, model)
        return embedded

    async def _attempt(
        self, opening: Opening, candidate: Candidate, provider: EmbeddingProvider, prompt: Prompt
    ) -> Embedded:
        """Ask once. The row is committed before anything is sent, and closed whatever happens."""
        row = await self.ledger.open(opening)
        started_s, closing = self.clock.monotonic_s(), Closing("cancelled", Usage())
        deadline_s = started_s + BATCH_TIMEOUT_S
        try:
            vectors, counted = await _vectors(
                provider, candidate.model.model, prompt, privacy=opening.privacy, deadline_s=deadline_s
            )
            closing = self._closing(candidate, counted, started_s)
        except CallError as error:
            closing = self._closing(candidate, error.usage, started_s, error)
            raise
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LEDGER_S):
                await self.ledger.close(row, closing)
        return Embedded(
            vectors,
            candidate.model,
            candidate.served_tier,
            candidate.leaves_machine,
            closing.usage,
            self.generation,
        )

    def _opening(self, call: EmbeddingCall, candidate: Candidate, prompt: Prompt) -> Opening:
        """The row of the attempt. Raises OverBudget when the call's own limit is too low for it."""
        price, limit = candidate.price, call.wish.max_cost_usd
        most_usd = None if price is None else price.cost_usd(size_of(prompt).most_in, 0)
        if limit is not None and (most_usd is None or most_usd > limit):
            cost = "an unknown amount" if most_usd is None else f"up to ${most_usd:.6f}"
            raise OverBudget(f"{candidate.model} may cost {cost}, and the call's own limit leaves ${limit:.6f}.")
        return Opening(
            request_id=call.request_id,
            task=TASK,
            model=str(candidate.model),
            provider=candidate.model.provider,
            tier=candidate.served_tier,
            privacy=call.privacy,
            generation=self.generation,
            started_at=self.clock.now(),
            team=call.wish.team,
            hint=call.wish.hint,
            reason="asked for by name" if call.wish.model else "docs.embeddings",
            reserved_usd=most_usd,
            limits=self.ruling.limits(call.wish.team),
        )

    def _closing(
        self, candidate: Candidate, counted: Usage | None, started_s: float, error: CallError | None = None
    ) -> Closing:
        """How the attempt ended. What certainly was not billed costs 0; what nobody told is unknown."""
        was_not_billed = error is not None and counted is None and not error.is_maybe_paid
        cost_usd, source = (0.0, "none") if was_not_billed else _cost(candidate, counted or Usage())
        ms = round((self.clock.monotonic_s() - started_s) * 1000)
        usage = Usage(counted.tokens_in if counted else None, None, cost_usd, ms)
        return Closing("failed" if error else "ok", usage, error.code if error else None, cost_source=source)


async def _vectors(
    provider: EmbeddingProvider, model: str, prompt: Prompt, *, privacy: PrivacyClass, deadline_s: float
) -> tuple[Vectors, Usage]:
    texts = [message.content for message in prompt.messages]
    if isinstance(provider, CountingProvider):
        return await provider.embed_counted(model, texts, privacy=privacy, deadline_s=deadline_s)
    return await provider.embed(model, texts, privacy=privacy, deadline_s=deadline_s), Usage()


def _cost(candidate: Candidate, counted: Usage) -> tuple[float | None, CostSource]:
    """As the provider counted it, else by its tokens and the price list."""
    price = candidate.price
    if counted.cost_usd is not None:
        return counted.cost_usd, "reported"
    if price is not None and price.is_free:
        return 0.0, "computed"
    if price is None or counted.tokens_in is None:
        return None, "unknown"
    return price.cost_usd(counted.tokens_in, 0), "computed"


def _as_prompt(texts: tuple[str, ...]) -> Prompt:
    """The texts in the form in which sizes are judged and secrets are blanked."""
    return Prompt(tuple(Message("user", text) for text in texts), Material(), max_tokens=0, temperature=0.0)
