"""The embedding of callers' texts: who is asked, what is refused, and what is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
import pytest
from typing_extensions import override

from amalfa.calls import ModelName, Price, PrivacyClass, Tier, Usage, Wish
from amalfa.errors import (
    AmalfaError,
    CallError,
    ContextTooLong,
    NoProvider,
    NotAllowed,
    NotFound,
    OverBudget,
    UpstreamBroken,
    UsageProblem,
)
from amalfa.execution.embedder import Vectors
from amalfa.execution.embedding_calls import EmbeddingCall, EmbeddingCalls
from amalfa.execution.ledger import Limit
from amalfa.execution.redaction import Redactor
from amalfa.execution.signals import new_signals
from amalfa.providers.model_facts import Facts
from amalfa.providers.provider import Host, Presence, Provider
from amalfa.routing.rules import Rules
from tests.fakes import FakeClock, FakeLedger, FakeProvider, FakeVerdicts, NoJitter

TEXTS = ("ab", "ada@example.com")


@dataclass
class Embeds(FakeProvider):
    """A provider that embeds: each text becomes its length."""

    error: CallError | None = None
    embedded: list[tuple[str, list[str], PrivacyClass]] = field(default_factory=list)

    async def embed(self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float) -> Vectors:
        self.embedded.append((model, list(texts), privacy))
        if self.error is not None:
            raise self.error
        return tuple((float(len(text)),) for text in texts)


@dataclass
class Counts(Embeds):
    """One that tells what it counted as well."""

    counted: Usage = field(default_factory=Usage)

    async def embed_counted(
        self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[Vectors, Usage]:
        return await self.embed(model, texts, privacy=privacy, deadline_s=deadline_s), self.counted


@dataclass
class Ruling:
    in_force: Rules = field(default_factory=lambda: Rules(is_cloud_enabled=True))
    spending: tuple[Limit, ...] = ()

    def rules(self, team: str | None = None) -> Rules:
        return self.in_force

    def limits(self, team: str | None) -> tuple[Limit, ...]:
        return self.spending

    def spell_out(self, name: str) -> tuple[ModelName, ...]:
        provider, _, model = name.partition(":")
        return tuple(ModelName(one, model) for one in provider.split("+"))


@dataclass
class Board:
    presence: Presence

    async def refresh(self, providers: Mapping[str, Provider], *, max_age_s: float = 1.0, wait_s: float = 0.25) -> None:
        """Nothing changes by looking."""

    def presence_of(self, provider: Provider) -> Presence:
        return self.presence


@dataclass
class PriceList:
    price: Price | None = None

    def facts(self, model: ModelName) -> Facts:
        return Facts(price=self.price)


class Bench:
    """Everything that embedding needs, over fakes; `provider` is the one that is asked."""

    def __init__(self, provider: FakeProvider, ruling: Ruling | None = None, price: Price | None = None) -> None:
        self.provider = provider
        self.ledger = FakeLedger()
        self.presence = Presence("up", hosts=(Host("http://h", "up", installed=None),))
        self.calls = EmbeddingCalls(
            {provider.name: provider},
            ruling or Ruling(),
            Board(self.presence),
            lambda: PriceList(price),  # type: ignore[arg-type, return-value]  # it is asked for the facts alone
            self.ledger,
            new_signals(FakeVerdicts(), clock=FakeClock(), random=NoJitter()),
            Redactor((), ("emails",)),
            FakeClock(),
            3,
            "ollama:usual",
            PrivacyClass.CLOUD_OK,
            self._class_of,
        )

    async def _class_of(self, texts: Sequence[str]) -> PrivacyClass:
        """The class of what was said before."""
        return PrivacyClass.LOCAL_ONLY if any("told in private" in text for text in texts) else PrivacyClass.CLOUD_OK


def a_call(model: str | None = None, privacy: PrivacyClass = PrivacyClass.CLOUD_OK, **wish: object) -> EmbeddingCall:
    return EmbeddingCall("req_1", TEXTS, privacy, Wish(model, **wish))  # type: ignore[arg-type]  # fields by name


def a_cloud(**counted: float) -> Counts:
    usage = Usage(**counted)  # type: ignore[arg-type]  # whole numbers for the tokens, by name
    return Counts("openrouter", Tier.CLOUD, False, "openrouter", counted=usage)


async def test_the_configured_model_embeds_at_home_for_nothing() -> None:
    bench = Bench(Embeds())
    embedded = await bench.calls.embed(a_call())
    assert embedded.vectors == ((2.0,), (15.0,))
    assert (str(embedded.model), embedded.tier, embedded.has_left) == ("ollama:usual", Tier.LOCAL, False)
    assert (embedded.usage.tokens_in, embedded.usage.cost_usd) == (None, 0.0)
    (opening,) = bench.ledger.opened
    assert (opening.request_id, opening.task, opening.reserved_usd) == ("req_1", "embed", 0.0)
    assert bench.ledger.closed[1].state == "ok"


async def test_what_leaves_is_redacted_counted_and_priced() -> None:
    provider = a_cloud(tokens_in=1000)
    embedded = await Bench(provider, price=Price(2.0, 0.0)).calls.embed(a_call("openrouter:e"))
    assert provider.embedded[0][1] == ["ab", "[redacted email]"]
    assert (embedded.usage.tokens_in, embedded.usage.cost_usd, embedded.has_left) == (1000, 0.002, True)


async def test_the_providers_own_word_on_the_cost_comes_first() -> None:
    embedded = await Bench(a_cloud(tokens_in=5, cost_usd=0.5), price=Price(2.0, 0.0)).calls.embed(
        a_call("openrouter:e")
    )
    assert embedded.usage.cost_usd == 0.5


@pytest.mark.parametrize(
    ("call", "rules", "kind"),
    [
        (a_call("openrouter:e"), Rules(is_cloud_enabled=False), NotAllowed),
        (a_call("openrouter:e", PrivacyClass.LOCAL_ONLY), Rules(is_cloud_enabled=True), NotAllowed),
        (a_call("openrouter:e", prefer="local"), Rules(is_cloud_enabled=True), NotAllowed),
        (a_call("openrouter:e"), Rules(is_sonar_enabled=False), NotAllowed),
        (a_call("openrouter:e", max_cost_usd=0.0), Rules(is_cloud_enabled=True), OverBudget),
        (a_call("nobody:e"), Rules(), NotFound),
    ],
)
async def test_a_rule_keeps_the_texts_here(call: EmbeddingCall, rules: Rules, kind: type[AmalfaError]) -> None:
    provider = a_cloud()
    bench = Bench(provider, Ruling(rules), Price(2.0, 0.0))
    with pytest.raises(kind):
        await bench.calls.embed(call)
    assert not provider.embedded
    assert not bench.ledger.opened


async def test_a_provider_that_only_writes_is_named() -> None:
    with pytest.raises(UsageProblem, match="cannot embed"):
        await Bench(FakeProvider()).calls.embed(a_call("ollama:m"))


async def test_of_several_providers_the_first_that_may_be_asked_is() -> None:
    bench = Bench(Embeds())
    assert str((await bench.calls.embed(a_call("nobody+ollama:e"))).model) == "ollama:e"


@pytest.mark.parametrize("error", [ContextTooLong("too long"), UpstreamBroken("reset")])
async def test_a_failure_is_told_and_costs_nothing(error: CallError) -> None:
    bench = Bench(Embeds(error=error))
    with pytest.raises(type(error)):
        await bench.calls.embed(a_call())
    closing = bench.ledger.closed[1]
    assert (closing.state, closing.error_code, closing.usage.cost_usd) == ("failed", error.code, 0.0)


async def test_a_route_that_keeps_failing_is_left_alone() -> None:
    provider = Embeds(error=UpstreamBroken("reset"))
    bench = Bench(provider)
    for _ in range(5):
        with pytest.raises(UpstreamBroken):
            await bench.calls.embed(a_call())
    with pytest.raises(NoProvider):
        await bench.calls.embed(a_call())
    assert len(provider.embedded) == 5
    assert bench.ledger.closed.keys() == set(range(1, 6))


async def test_a_caller_who_leaves_closes_the_row() -> None:
    class Slow(Embeds):
        @override
        async def embed(self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float) -> Vectors:
            await anyio.sleep_forever()
            return ()

    bench = Bench(Slow())
    with anyio.move_on_after(0.02):
        await bench.calls.embed(a_call())
    assert bench.ledger.closed[1].state == "cancelled"


async def test_a_text_that_was_said_in_private_is_not_embedded_in_the_cloud() -> None:
    cloud = a_cloud()
    call = replace(a_call("openrouter:e"), texts=("harmless", "this was told in private"))
    with pytest.raises(NotAllowed):
        await Bench(cloud, Ruling(Rules(is_cloud_enabled=True))).calls.embed(call)
    assert cloud.embedded == []
