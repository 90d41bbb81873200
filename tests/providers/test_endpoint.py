"""What may be sent where, and what of an endpoint may be seen."""

import itertools
from dataclasses import replace

import pytest

from amalfa.calls import PrivacyClass, Tier
from amalfa.config.secret import Secret
from amalfa.providers.endpoint import Address, Destination, Endpoint, refusal
from tests.providers.asking import KEY, ollama_at, openrouter_at

OWN = Destination("ollama", Tier.LOCAL, True, False, False, "")
LAN = replace(OWN, is_verified_local=False)
FORWARDED = replace(OWN, is_forwarded=True)
OPENROUTER = Destination("openrouter", Tier.CLOUD, False, False, True, "")
OPENAI = replace(OPENROUTER, promises_zdr=False)
LOCAL_ONLY, ZDR, CLOUD_OK = PrivacyClass


@pytest.mark.parametrize(
    ("privacy", "destination", "may_go"),
    [
        (LOCAL_ONLY, OWN, True),
        (LOCAL_ONLY, LAN, False),
        (LOCAL_ONLY, FORWARDED, False),
        (LOCAL_ONLY, OPENROUTER, False),
        (LOCAL_ONLY, OPENAI, False),
        (LOCAL_ONLY, replace(OPENROUTER, is_verified_local=True), False),
        (ZDR, OWN, True),
        (ZDR, LAN, True),
        (ZDR, FORWARDED, False),
        (ZDR, OPENROUTER, True),
        (ZDR, OPENAI, False),
        (CLOUD_OK, OWN, True),
        (CLOUD_OK, LAN, True),
        (CLOUD_OK, FORWARDED, True),
        (CLOUD_OK, OPENROUTER, True),
        (CLOUD_OK, OPENAI, True),
    ],
)
def test_a_text_goes_only_where_its_class_allows(privacy: PrivacyClass, destination: Destination, may_go: bool) -> None:
    assert (refusal(privacy, destination) is None) is may_go


def test_with_the_cloud_off_nothing_goes_to_one_whatever_the_class_or_the_way() -> None:
    for privacy, destination in itertools.product(PrivacyClass, (OPENROUTER, OPENAI, FORWARDED)):
        off = replace(destination, off_reason="sonar.cloud.enabled is false")
        assert "sonar.cloud.enabled is false" in (refusal(privacy, off) or "")
    assert refusal(LOCAL_ONLY, replace(OWN, off_reason="sonar.cloud.enabled is false")) is None


def test_a_pool_is_verified_only_when_every_host_is() -> None:
    pool = replace(ollama_at("http://localhost:1"), addresses=(Address("a", True), Address("b", False)))
    assert not pool.is_verified_local


def test_no_secret_shows_in_a_repr_or_a_credential() -> None:
    endpoint = replace(
        openrouter_at("https://openrouter.ai/api/v1", key="sk-or-v1-canary-canary"),
        basic_auth=("ada", Secret("hunter2-canary")),
        headers=(("X-Proxy-Key", Secret("canary-header")), ("HTTP-Referer", Secret("https://ada.example"))),
    )
    for text in (repr(endpoint), endpoint.shown_credential, str(endpoint.authorization)):
        assert "canary" not in text
    assert {secret.reveal() for secret in endpoint.secrets} >= {
        "sk-or-v1-canary-canary",
        "hunter2-canary",
        "canary-header",
    }
    assert "https://ada.example" not in {secret.reveal() for secret in endpoint.secrets}


def test_basic_auth_goes_before_the_key() -> None:
    endpoint = replace(openrouter_at("https://gpu.example"), basic_auth=("ada", Secret("pass")))
    assert endpoint.authorization is not None
    assert endpoint.authorization.reveal() == "Basic YWRhOnBhc3M="


def test_the_fingerprint_changes_with_the_key_and_with_nothing_unsaid() -> None:
    def fingerprint(**changes: object) -> str:
        return replace(openrouter_at("https://openrouter.ai/api/v1"), **changes).fingerprint  # type: ignore[arg-type]  # fields by name

    assert fingerprint() == fingerprint()
    assert fingerprint() != fingerprint(key=Secret("sk-or-v1-other-key-ted"))
    assert fingerprint() != fingerprint(off_reason="off")
    assert KEY not in fingerprint()


def test_an_attempt_ends_at_the_call_or_at_the_providers_own_limit() -> None:
    endpoint = ollama_at("http://localhost:11434")
    assert endpoint.deadline_s(100.0, now_s=10.0) == 100.0
    assert replace(endpoint, attempt_s=5.0).deadline_s(100.0, now_s=10.0) == 15.0


def test_only_a_loopback_ollama_is_told_to_be_started() -> None:
    assert ollama_at("http://localhost:11434").remedy(Address("http://localhost:11434")) == "ollama serve"
    assert "gpu.example" in ollama_at("http://gpu.example").remedy(Address("http://gpu.example"))


def test_what_forbids_trying_is_known_without_asking() -> None:
    assert openrouter_at("https://o", key=None).standing().state == "no_key"  # type: ignore[union-attr]  # it is one
    assert openrouter_at("https://o", off_reason="off").standing().state == "parked"  # type: ignore[union-attr]  # it is one
    assert openrouter_at("https://o").standing() is None
    assert ollama_at("http://localhost:1", off_reason="off").standing() is None
    assert isinstance(ollama_at("http://localhost:1"), Endpoint)
