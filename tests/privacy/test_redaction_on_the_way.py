"""What leaves is blanked, on every hop and every retry; what stays is whole; and the answer still cites its notes."""

from typing import Any

from amalfa.calls import Wish
from amalfa.errors import AmalfaError
from tests.privacy.house import CANARY, OPEN, Folders, Upstreams, sonar

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"
MAIL = "ada@example.com"
CARD = "4111 1111 1111 1111"
SECRETS = (KEY, MAIL, CARD, "Project Heron")

NOTE = f"""# Access {OPEN}

The gateway of Project Heron opens at seven in the morning.
Its key is {KEY} and {MAIL} pays with {CARD}.
"""
QUESTION = {"question": "When does the gateway open, and what is its key?", "paths": ["access.md"]}
REDACT: dict[str, Any] = {"privacy": {"redact": [r"Project\s+Heron"]}}


async def test_secrets_are_blanked_for_the_cloud_and_whole_for_the_local_model(
    world: Upstreams, folders: Folders
) -> None:
    (folders.root / "access.md").write_text(NOTE)
    async with sonar(folders, world, REDACT) as served:
        away = await served.run("synthesize", QUESTION)
        here = await served.run("synthesize", QUESTION, wish=Wish(prefer="local"))
    assert not isinstance(away, AmalfaError)
    assert not isinstance(here, AmalfaError)
    assert world.leaks("[1] access.md:")
    for secret in SECRETS:
        assert world.leaks(secret) == []
        assert world.stayed(secret) == 1
    for mark in ("[redacted key]", "[redacted email]", "[redacted card]", "[redacted]"):
        assert world.leaks(mark)
    assert away.route.left_machine is not None
    assert away.route.left_machine.redactions == 4
    assert here.route.left_machine is None


async def test_a_citation_beside_a_mark_is_verified_and_one_over_a_mark_is_not(
    world: Upstreams, folders: Folders
) -> None:
    (folders.root / "access.md").write_text(NOTE)
    async with sonar(folders, world, REDACT) as served:
        world.cloud.script(
            "*", 'The gateway "opens at seven in the morning" [1].', 'The key "Its key is [redacted key]" [1].'
        )
        beside = await served.run("synthesize", QUESTION)
        over = await served.run("synthesize", QUESTION)
    assert not isinstance(beside, AmalfaError)
    assert not isinstance(over, AmalfaError)
    assert [one.verified for one in beside.output.citations] == [True]
    assert all("[redacted" not in one.quote for one in over.output.citations if one.verified)


async def test_a_corrected_retry_and_the_next_model_are_blanked_as_well(world: Upstreams, folders: Folders) -> None:
    (folders.root / "access.md").write_text(NOTE)
    chain = ["openrouter:meta-llama/llama-3.3-70b-instruct", "openrouter:qwen/qwen-2.5-72b-instruct"]
    async with sonar(folders, world, REDACT, {"tasks": {"metadata": {"model": chain}}}) as served:
        world.cloud.script("meta-llama/llama-3.3-70b-instruct", f"no JSON but {KEY}", f"again {KEY}")
        await served.run("metadata", {"path": "access.md"})
    assert len(world.cloud.requests_to("/api/v1/chat/completions")) >= 2
    for secret in SECRETS:
        assert world.leaks(secret) == []


async def test_a_pattern_that_is_too_slow_keeps_the_text_here(world: Upstreams, folders: Folders) -> None:
    given = {"question": "What is said?", "passages": [{"text": "a" * 60_000 + CANARY}]}
    async with sonar(folders, world, {"privacy": {"redact": ["a*a*b"]}}) as served:
        await served.run("synthesize", given, timeout_s=8.0)
    assert world.leaks() == []
