"""What was answered over private notes stays here when a caller sends it back as history, after a restart too."""

import pytest

from amalfa.calls import Answer, Wish
from amalfa.errors import AmalfaError
from amalfa.execution.steps import unheard
from amalfa.messages import Message
from amalfa.tasks.completion import Completion, complete
from amalfa.tasks.confided import pieces
from amalfa.tasks.desk import Terms
from tests.privacy.house import CANARY, CLOUD_MODELS, OPEN, Folders, Sonar, Upstreams, sonar

SAID = f"The {CANARY} harbour has seven berths for the night boats [1]. They leave early."
SENT_BACK = (
    f"**The {CANARY.upper()} harbour** has seven\u00a0berths for the night boats [2]. "
    "They leave early.\n\nSources:\n- x"
)
WISHES = (Wish(), Wish(prefer="cloud"), *(Wish(model=model) for model in CLOUD_MODELS))


async def answered_here(served: Sonar, world: Upstreams) -> None:
    world.near.script("*", then={"text": SAID})
    given = {"question": "How many berths has the harbour?", "paths": ["secret/harbour.md"]}
    assert not isinstance(await served.run("synthesize", given), AmalfaError)
    world.near.clear_script()


async def continue_with(served: Sonar, said: str, wish: Wish, *, is_live: bool) -> Answer[object] | AmalfaError:
    messages = (Message("user", "Berths?"), Message("assistant", said), Message("user", "And then?"))
    terms = Terms("req_next", wish, timeout_s=10.0)
    try:
        async with served.engine.lease() as desk:
            return await complete(Completion(messages), desk, terms, unheard, is_live=is_live)
    except AmalfaError as error:
        return error


def leaks(world: Upstreams) -> list[str]:
    return world.leaks() + world.leaks(CANARY.upper())


@pytest.mark.parametrize("is_live", [True, False])
async def test_an_answer_sent_back_keeps_its_class(world: Upstreams, folders: Folders, is_live: bool) -> None:
    async with sonar(folders, world) as served:
        await answered_here(served, world)
        for wish in WISHES:
            await continue_with(served, SENT_BACK, wish, is_live=is_live)
            chat = [{"role": "assistant", "content": SENT_BACK}, {"role": "user", "content": "And then?"}]
            await served.run("chat", {"messages": chat}, wish=wish)
            await served.run("metadata", {"text": SENT_BACK}, wish=wish)
        assert leaks(world) == []
        await continue_with(served, f"The {OPEN} sings in the garden.", WISHES[2], is_live=is_live)
    assert world.leaks(OPEN), "nothing reached the sockets that the proof watches"


async def test_it_is_remembered_over_a_restart(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world) as served:
        await answered_here(served, world)
    async with sonar(folders, world) as again:
        for wish in WISHES:
            await continue_with(again, SENT_BACK, wish, is_live=False)
    assert leaks(world) == []


async def test_what_a_model_says_from_it_is_remembered_as_well(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world) as served:
        await answered_here(served, world)
        later = f"Afterwards the boats return to the {CANARY} harbour at dawn."
        world.near.script("*", then={"text": later})
        await continue_with(served, SENT_BACK, Wish(), is_live=True)
        world.near.clear_script()
        await continue_with(served, later, WISHES[2], is_live=False)
    assert leaks(world) == []


def test_pieces_are_the_same_whatever_the_dress() -> None:
    assert set(pieces(SAID)) & set(pieces(SENT_BACK))
    assert set(pieces(SAID)) & set(pieces('{"answer": "' + SAID + '", "n": 1}'))
    assert not list(pieces("Yes, it is."))
