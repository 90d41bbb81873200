"""Which models are candidates, and what is known of each: prices, promises, standing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import pytest

from amalfa.calls import EXTRACTIVE, FREE, ModelName, Price, Tier
from amalfa.execution.candidates import (
    MATCHED_MAX,
    Roster,
    Surroundings,
    gather_candidates,
    is_loaded,
    spell_out,
    standing_of,
)
from amalfa.providers.catalogue import Catalogue
from amalfa.providers.model_facts import Facts
from amalfa.providers.provider import Host, Presence
from amalfa.routing.candidate import Candidate
from tests.fakes import FakeProvider

OLLAMA = FakeProvider("ollama", Tier.LOCAL, True, "ollama")
SHED = FakeProvider("shed", Tier.LOCAL, True, "openai")
GPU = FakeProvider("ollama-cloud", Tier.CLOUD, False, "ollama")
OPENROUTER = FakeProvider("openrouter", Tier.CLOUD, False, "openrouter")
OPENAI = FakeProvider("openai", Tier.CLOUD, False, "openai")
EMBEDDED = FakeProvider("embedded", Tier.EMBEDDED, True, "embedded")
ALL = {one.name: one for one in (OLLAMA, SHED, GPU, OPENROUTER, OPENAI, EMBEDDED)}

QWEN = ModelName("ollama", "qwen")
PHI = ModelName("ollama", "phi3")
BIG = ModelName("openrouter", "a/b")
GPT = ModelName("openai", "gpt")


@dataclass
class ToldCatalogue:
    """Knows what a test says."""

    told: dict[ModelName, Facts] = field(default_factory=dict)

    def facts(self, model: ModelName) -> Facts:
        return self.told.get(model, Facts())

    def known(self) -> Iterable[ModelName]:
        return self.told


def around(told: dict[ModelName, Facts] | None = None, **presences: Presence) -> Surroundings:
    return Surroundings(ALL, presences, cast("Catalogue", ToldCatalogue(told or {})))


def up(*installed: str, forwarded: tuple[str, ...] = (), loaded: tuple[str, ...] = ()) -> Presence:
    return Presence(
        "up", hosts=(Host("http://h", "up", "", frozenset(installed), loaded, forwarded=frozenset(forwarded)),)
    )


def names(roster: Roster, *named: ModelName, place: Surroundings | None = None) -> list[ModelName]:
    return [one.model for one in gather_candidates(roster, named, place or around())]


def one(model: ModelName, place: Surroundings | None = None) -> Candidate:
    return gather_candidates(Roster((model,), ()), (), place or around())[0]


def test_local_stands_for_every_local_provider() -> None:
    assert spell_out(ModelName("local", "m"), ALL) == (ModelName("ollama", "m"), ModelName("shed", "m"))
    assert spell_out(BIG, ALL) == (BIG,)
    assert spell_out(ModelName("local", "m"), {"openai": OPENAI}) == (ModelName("local", "m"),), (
        "so its refusal is told"
    )


def test_every_model_is_a_candidate_once_and_the_engine_always() -> None:
    assert names(Roster((QWEN, PHI), (BIG,)), PHI, GPT) == [QWEN, PHI, BIG, GPT, EXTRACTIVE]
    assert names(Roster((), ())) == [EXTRACTIVE]


def test_a_chain_replaces_both_tiers_and_all_that_globs_let_in() -> None:
    roster = Roster((QWEN,), (BIG,), chain=(GPT,), acceptable=("*",))
    assert names(roster, PHI, place=around(ollama=up("llama3:8b"))) == [GPT, PHI, EXTRACTIVE]


def test_ranks_count_within_a_tier_and_let_in_models_come_last() -> None:
    roster = Roster((QWEN, PHI), (BIG,), acceptable=("*",))
    found = gather_candidates(roster, (), around(ollama=up("llama3:8b", "qwen", "aya:8b")))
    ranks = {str(one.model): one.rank for one in found}
    assert (ranks["ollama:qwen"], ranks["ollama:phi3"], ranks["openrouter:a/b"]) == (0, 1, 0)
    assert min(ranks["ollama:aya:8b"], ranks["ollama:llama3:8b"]) > 1


def test_no_glob_lets_nothing_in() -> None:
    assert names(Roster((QWEN,), ()), place=around({GPT: Facts()}, ollama=up("llama3:8b"))) == [QWEN, EXTRACTIVE]


def test_a_glob_lets_in_what_is_installed_and_what_clouds_are_known_to_have() -> None:
    place = around({GPT: Facts(), BIG: Facts(), PHI: Facts()}, ollama=up("llama3:latest"))
    roster = Roster((QWEN,), (BIG,), acceptable=("*",))
    assert names(roster, place=place) == [QWEN, BIG, EXTRACTIVE, ModelName("ollama", "llama3"), GPT]


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (("local:*",), [ModelName("ollama", "llama3")]),
        (("openai:*",), [GPT]),
        (("ollama:llama*", "openai:x"), [ModelName("ollama", "llama3")]),
        (("openai:GPT",), [GPT]),
        (("nobody:*",), []),
    ],
)
def test_globs_say_which(globs: tuple[str, ...], expected: list[ModelName]) -> None:
    place = around({GPT: Facts()}, ollama=up("llama3:latest"))
    assert names(Roster((QWEN,), (BIG,), acceptable=globs), place=place)[3:] == expected


def test_a_model_of_a_provider_that_is_gone_is_not_let_in() -> None:
    place = around({ModelName("gone", "m"): Facts(), EXTRACTIVE: Facts()})
    assert names(Roster((QWEN,), (), acceptable=("*",)), place=place) == [QWEN, EXTRACTIVE]


def test_a_star_lets_in_so_many_and_no_more() -> None:
    known = {ModelName("openrouter", f"a/{number:04}"): Facts() for number in range(3 * MATCHED_MAX)}
    found = names(Roster((), (), acceptable=("*",)), place=around(known))
    assert len(found) == MATCHED_MAX + 1
    assert found[-1] == ModelName("openrouter", f"a/{MATCHED_MAX - 1:04}")


@pytest.mark.parametrize(
    ("model", "price"),
    [
        (QWEN, FREE),
        (ModelName("shed", "m"), FREE),
        (ModelName("ollama-cloud", "llama3:70b"), FREE),
        (EXTRACTIVE, FREE),
        (BIG, None),
        (GPT, None),
        (ModelName("ollama", "gpt-oss:120b-cloud"), None),
        (ModelName("ollama-cloud", "gpt-oss:120b-cloud"), None),
    ],
)
def test_only_machines_of_ones_own_cost_nothing(model: ModelName, price: Price | None) -> None:
    assert one(model).price == price


def test_a_model_that_its_host_forwards_has_no_price_of_its_own() -> None:
    found = one(QWEN, around(ollama=up("qwen", forwarded=("qwen:latest",))))
    assert (found.is_forwarded, found.price, found.leaves_machine) == (True, None, True)


def test_what_is_asked_of_a_host_nobody_vouched_for_leaves_the_machine() -> None:
    lan = FakeProvider("ollama", Tier.LOCAL, False, "ollama")
    found = one(QWEN, Surroundings({"ollama": lan}, {}, cast("Catalogue", ToldCatalogue())))
    assert (found.is_cloud, found.leaves_machine) == (False, True)
    assert (one(QWEN).is_cloud, one(QWEN).leaves_machine) == (False, False)


def test_a_price_that_is_known_counts_whoever_serves() -> None:
    dear = Price(1, 2)
    for model in (QWEN, BIG, ModelName("ollama-cloud", "x:cloud")):
        assert one(model, around({model: Facts(price=dear)})).price == dear


def test_facts_of_the_catalogue_are_taken_over() -> None:
    found = one(BIG, around({BIG: Facts(quality=0.7, context_tokens=8192, has_json=False)}))
    assert (found.quality, found.context_tokens, found.has_json) == (0.7, 8192, False)


@pytest.mark.parametrize(
    ("model", "tier", "is_verified", "promises"),
    [
        (QWEN, Tier.LOCAL, True, False),
        (BIG, Tier.CLOUD, False, True),
        (GPT, Tier.CLOUD, False, False),
        (ModelName("ollama-cloud", "m"), Tier.CLOUD, False, False),
        (EXTRACTIVE, Tier.EMBEDDED, True, False),
    ],
)
def test_only_openrouter_promises_no_retention_and_keeps_to_a_ceiling(
    model: ModelName, tier: Tier, is_verified: bool, promises: bool
) -> None:
    found = one(model)
    assert (found.tier, found.is_verified_local) == (tier, is_verified)
    assert (found.can_promise_zdr, found.takes_max_price) == (promises, promises)


def test_a_model_of_nobody_counts_as_the_farthest_away() -> None:
    found = one(ModelName("acme", "m"))
    assert (found.tier, found.is_verified_local, found.leaves_machine) == (Tier.CLOUD, False, True)
    standing = standing_of(found, around())
    assert standing.availability == "unconfigured"
    assert "no provider is named 'acme'" in standing.detail
    assert "openrouter" in standing.detail


@pytest.mark.parametrize("state", ["down", "no_key", "parked", "unknown"])
def test_a_provider_stands_for_its_models(state: str) -> None:
    standing = standing_of(one(BIG), around(openrouter=Presence(state, "because")))  # type: ignore[arg-type]  # the states
    assert (standing.availability, standing.detail) == (state, "because")


def test_a_provider_nobody_has_looked_at_is_unknown() -> None:
    assert standing_of(one(BIG), around()).availability == "unknown"


def test_a_cloud_has_no_list_and_is_taken_at_its_word() -> None:
    assert standing_of(one(BIG), around(openrouter=Presence("up"))).availability == "ready"
    no_list = Presence("up", hosts=(Host("https://there", "up"),))
    assert standing_of(one(BIG), around(openrouter=no_list)).availability == "ready"


def test_a_missing_model_is_named_with_its_hosts_and_for_ollama_with_the_remedy() -> None:
    standing = standing_of(one(QWEN), around(ollama=up("phi3:latest")))
    assert (standing.availability, standing.detail) == (
        "missing",
        "qwen is not installed on http://h. Fix: amalfa models pull ollama:qwen",
    )
    elsewhere = standing_of(one(ModelName("shed", "m")), around(shed=up("other")))
    assert elsewhere.availability == "missing"
    assert "ollama pull" not in elsewhere.detail


@pytest.mark.parametrize("installed", ["qwen", "qwen:latest", "Qwen:latest", "library/qwen:latest"])
def test_every_spelling_of_an_installed_model_is_found(installed: str) -> None:
    assert standing_of(one(QWEN), around(ollama=up(installed))).availability == "ready"


def test_a_host_that_is_down_has_nothing_and_one_nobody_saw_may_have_it() -> None:
    def hosts(state: str) -> Presence:
        seen = Host("http://a", "up", installed=frozenset({"phi3:latest"}))
        other = Host("http://b", state, installed=frozenset({"qwen:latest"}))  # type: ignore[arg-type]  # the states
        return Presence("up", hosts=(seen, other))

    assert standing_of(one(QWEN), around(ollama=hosts("up"))).availability == "ready"
    assert standing_of(one(QWEN), around(ollama=hosts("unknown"))).availability == "ready"
    assert standing_of(one(QWEN), around(ollama=hosts("down"))).availability == "missing"


def test_a_loaded_model_is_one_that_any_host_has_in_memory() -> None:
    two = Presence("up", hosts=(Host("http://a", "up"), Host("http://b", "up", loaded=("qwen:latest",))))
    assert is_loaded(one(QWEN), around(ollama=two))
    assert not is_loaded(one(PHI), around(ollama=two))
    assert not is_loaded(one(QWEN), around())


def hosts_with(with_tools: tuple[str, ...] = (), without: tuple[str, ...] = (), state: str = "up") -> Presence:
    told = Host("http://h", state, with_tools=frozenset(with_tools), without_tools=frozenset(without))  # type: ignore[arg-type]  # the states
    return Presence("up", hosts=(told,))


@pytest.mark.parametrize(
    ("presence", "has_tools"),
    [
        (hosts_with(("qwen:latest",)), True),
        (hosts_with((), ("qwen:latest",)), False),
        (hosts_with(("other:latest",), ("phi3:latest",)), None),
        (hosts_with((), ("qwen:latest",), "down"), None),
    ],
)
def test_whether_a_model_takes_tools_its_hosts_may_know(presence: Presence, has_tools: bool | None) -> None:
    assert one(QWEN, around(ollama=presence)).has_tools is has_tools


def test_what_a_list_says_of_tools_counts_before_the_hosts() -> None:
    place = around({QWEN: Facts(has_tools=True)}, ollama=hosts_with((), ("qwen:latest",)))
    assert one(QWEN, place).has_tools is True
    assert one(BIG, around({BIG: Facts(has_tools=False)})).has_tools is False
    assert one(BIG).has_tools is None


def test_one_host_that_knows_the_tools_is_enough() -> None:
    both = (*hosts_with((), ("qwen:latest",)).hosts, *hosts_with(("qwen:latest",)).hosts)
    assert one(QWEN, around(ollama=Presence("up", hosts=both))).has_tools is True
