"""Where a class comes from and how classes combine, over real notes, real conversations and real sockets."""

from itertools import pairwise
from typing import Any

import pytest

from amalfa.calls import PrivacyClass, Wish
from amalfa.errors import AmalfaError
from tests.privacy.house import (
    CANARY,
    FLAGS,
    MIXED_QUESTION,
    OPEN,
    Folders,
    Upstreams,
    sonar,
    written_words,
)

LOCAL_ONLY = PrivacyClass.LOCAL_ONLY
CHAT = {"messages": [{"role": "user", "content": f"Remember the {CANARY}, please."}], "session": "one"}
NEXT = {"messages": [{"role": "user", "content": "What did I ask you to remember?"}], "session": "one"}


def bodies(world: Upstreams) -> list[dict[str, Any]]:
    return [request.json for request in world.cloud.requests_to("/api/v1/chat/completions")]


async def test_mixed_passages_take_the_strictest_class(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world) as served:
        mixed = await served.run("synthesize", {"question": MIXED_QUESTION, "paths": ["open.md", "marked.md"]})
        alone = await served.run("synthesize", {"question": MIXED_QUESTION, "paths": ["open.md"]})
    assert not isinstance(mixed, AmalfaError)
    assert not isinstance(alone, AmalfaError)
    assert (mixed.route.model, alone.route.tier) == ("ollama:qwen2.5:1.5b", "cloud")
    (asked,) = [request for request in world.near.requests_to("/api/chat") if CANARY.encode() in request.body]
    assert OPEN.encode() in asked.body, "both notes were in the prompt, or this proves nothing"
    assert world.leaks() == []
    assert world.leaks(OPEN)


async def test_the_search_over_all_notes_keeps_private_ones_here(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world) as served:
        for flag in FLAGS.values():
            await served.run("synthesize", {"question": f"What is the {CANARY} plan about?"}, wish=flag)
            await served.run("research", {"question": f"What is the {CANARY} plan about?", "maxSteps": 2}, wish=flag)
            await served.run(
                "chat", {"messages": [{"role": "user", "content": "What is the harbour plan?"}]}, wish=flag
            )
    # The question itself names the word, so what is looked for is what only the notes say.
    assert world.leaks("hidden harbour") == []
    assert world.leaks("seven berths") == []
    assert world.stayed("hidden harbour") > 0


async def test_the_description_of_an_open_note_names_no_private_neighbour(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world) as served:
        outcome = await served.run("metadata", {"path": "open.md"})
    assert not isinstance(outcome, AmalfaError)
    assert world.leaks(OPEN)
    assert world.leaks("secret/harbour.md") == []
    assert world.leaks("marked.md") == []


async def test_a_note_that_was_just_marked_private_is_private_at_once(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world) as served:
        await served.run("synthesize", {"question": "When does the bird sing in the garden?", "paths": ["open.md"]})
        text = (folders.root / "open.md").read_text()
        (folders.root / "open.md").write_text(f"---\namalfa: private\n---\n{text}")
        world.forget()
        for task, given in (
            ("synthesize", {"question": "When does the bird sing in the garden?", "paths": ["open.md"]}),
            ("synthesize", {"question": "When does the bird sing in the garden?"}),
            ("metadata", {"path": "open.md"}),
            ("snippet", {"path": "open.md", "query": "sings"}),
        ):
            await served.run(task, given, wish=Wish(prefer="cloud"))
    assert world.leaks("sings in the garden every morning") == []


async def test_a_turn_said_under_a_local_only_call_binds_the_calls_that_recall_it(
    world: Upstreams, folders: Folders
) -> None:
    async with sonar(folders, world) as served:
        first = await served.run("chat", CHAT, privacy=LOCAL_ONLY)
        second = await served.run("chat", NEXT)
    assert not isinstance(first, AmalfaError)
    assert not isinstance(second, AmalfaError)
    assert world.stayed() == 2, "the second prompt recalls the first turn, or this proves nothing"
    assert world.leaks() == []


async def test_a_turn_said_under_a_local_only_task_binds_every_other_task(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world, {"tasks": {"chat": {"privacy": "local-only"}}}) as served:
        await served.run("chat", CHAT)
        await ask_on(served)
    assert world.stayed() >= 1
    assert world.leaks() == []


async def test_a_turn_said_while_the_default_was_local_only_stays_here_when_it_is_not_any_more(
    world: Upstreams, folders: Folders
) -> None:
    async with sonar(folders, world, {"privacy": {"default": "local-only"}}) as served:
        await served.run("chat", CHAT)
        text = folders.root / "amalfa.config.json"
        text.write_text(text.read_text().replace('"default": "local-only"', '"default": "cloud-ok"'))
        assert (await served.engine.reload()).generation == 2
        await served.run("chat", NEXT)
    assert world.stayed() >= 1
    assert world.leaks() == []


async def ask_on(served: Any) -> None:
    from amalfa.errors import AmalfaError
    from amalfa.tasks.ask import AskInput, ask
    from amalfa.tasks.desk import Terms
    from tests.fakes import Listener

    async with served.engine.lease() as desk:
        try:
            given = AskInput(question="When does the bird sing in the garden?", session="one")
            await ask(given, desk, Terms("req_on", Wish(), timeout_s=3.0), Listener())
        except AmalfaError:
            pass


async def test_a_demand_for_zero_retention_reaches_openrouter_on_every_hop(world: Upstreams, folders: Folders) -> None:
    chain = ["openrouter:meta-llama/llama-3.3-70b-instruct", "lab:x/y", "openrouter:qwen/qwen-2.5-72b-instruct"]
    settings = {"tasks": {"metadata": {"privacy": "cloud-zdr", "model": chain}}, "privacy": {"default": "cloud-zdr"}}
    async with sonar(folders, world, settings) as served:
        # The first model fails, the second is corrected once, and only then is a reply whole.
        world.cloud.script("meta-llama/llama-3.3-70b-instruct", {"status": 503}, then={"status": 503})
        world.cloud.script("qwen/qwen-2.5-72b-instruct", {"text": "no JSON at all"})
        await served.run("metadata", {"path": "open.md"})
        await served.run("synthesize", {"question": "When does the bird sing in the garden?", "paths": ["open.md"]})
    sent = bodies(world)
    assert len({body["model"] for body in sent}) == 2
    assert any(len(now["messages"]) > len(before["messages"]) for before, now in pairwise(sent)), "none was corrected"
    for body in sent:
        assert body["provider"]["zdr"] is True
        assert body["provider"]["data_collection"] == "deny"
    assert world.lab.requests == [], "a provider that cannot promise it was asked"
    assert not [request for request in world.near.requests_to("/api/chat") if "cloud" in request.json["model"]]


@pytest.mark.parametrize("model", ["lab:x/y", "ollama:gpt-oss:120b-cloud", "ollama:innocent"])
async def test_zero_retention_text_does_not_go_where_it_cannot_be_promised(
    world: Upstreams, folders: Folders, model: str
) -> None:
    async with sonar(folders, world) as served:
        given = {"question": "What is said?", "passages": [{"text": f"The {CANARY} sleeps."}]}
        await served.run("synthesize", given, wish=Wish(model), privacy=PrivacyClass.CLOUD_ZDR)
        await world.fail((world.cloud,), "500")
        await served.run("synthesize", given, wish=Wish(model), privacy=PrivacyClass.CLOUD_ZDR)
    allowed = [request for request in bodies(world) if request["provider"]["zdr"] is True]
    assert len(world.leaks()) == len(allowed), "only OpenRouter, which takes the demand, may have it"
    assert allowed


async def test_what_an_upstream_says_back_is_kept_nowhere(
    world: Upstreams, folders: Folders, logged: list[str]
) -> None:
    """A server that quotes the text in its complaint must not bring it into the ledger, the log or an error."""
    echo = {"status": 400, "body": {"error": f"cannot handle: the {CANARY} sleeps"}}
    given = {"question": "What is said?", "passages": [{"text": f"The {CANARY} sleeps."}]}
    async with sonar(folders, world, {"routing": {"fallback": False}}) as served:
        world.near.script("*", then=echo)
        result = await served.run("synthesize", given, privacy=LOCAL_ONLY)
    assert isinstance(result, AmalfaError)
    assert world.stayed() >= 1
    assert not [line for line in logged if CANARY in line]
    assert not [line for _, line in written_words(served.places) if CANARY in line]


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("synthesize", {"question": "When does the bird sing in the garden?", "paths": ["open.md"]}),
        ("metadata", {"path": "open.md"}),
        ("snippet", {"path": "open.md", "query": "sings"}),
    ],
)
async def test_what_left_names_the_notes_whose_text_left(
    world: Upstreams, folders: Folders, task: str, given: dict[str, Any]
) -> None:
    async with sonar(folders, world) as served:
        outcome = await served.run(task, given)
    assert not isinstance(outcome, AmalfaError)
    assert world.leaks("sings in the garden every morning")
    assert world.leaks("listens on port 11434") == []
    assert outcome.route.left_machine is not None
    assert outcome.route.left_machine.notes == ("open.md",)
