"""How a refused request is put differently, and that a refusal is remembered."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from amalfa.errors import ModelRefused
from amalfa.providers.json_shapes import Shape
from amalfa.providers.manners import FormatRefused, Manner, Manners, Remedy
from amalfa.providers.provider import Event, TextDelta, Waiting

ALL: tuple[Shape, ...] = ("schema", "object", "words")


class Model:
    """Refuses some manners, each for a reason, and answers the others with the manner itself."""

    def __init__(self, refusals: dict[Manner, Remedy]) -> None:
        self.asked: list[Manner] = []
        self._refusals = refusals

    async def ask(self, manner: Manner) -> AsyncGenerator[Event, None]:
        self.asked.append(manner)
        if manner in self._refusals:
            raise FormatRefused(ModelRefused(f"no {manner.shape}"), self._refusals[manner])
        yield TextDelta(manner.shape)


async def heard(manners: Manners, model: Model, shapes: Sequence[Shape] = ALL) -> list[Event]:
    return [event async for event in manners.stream("m", shapes, model.ask)]


@pytest.mark.parametrize(
    ("refusals", "asked"),
    [
        ({}, [Manner("schema")]),
        ({Manner("schema"): "looser"}, [Manner("schema"), Manner("object")]),
        ({Manner("schema"): "fewer"}, [Manner("schema"), Manner("schema", has_temperature=False)]),
        (
            {Manner("schema"): "fewer", Manner("schema", has_temperature=False): "fewer"},
            [Manner("schema"), Manner("schema", has_temperature=False), Manner("object")],
        ),
        (
            {Manner("schema"): "looser", Manner("object"): "fewer"},
            [Manner("schema"), Manner("object"), Manner("object", has_temperature=False)],
        ),
    ],
)
async def test_each_refusal_leads_to_the_way_that_demands_a_little_less_and_is_remembered(
    refusals: dict[Manner, Remedy], asked: list[Manner]
) -> None:
    manners, model = Manners(), Model(refusals)
    events = await heard(manners, model)
    assert model.asked == asked
    assert [type(event) for event in events] == [Waiting] * (len(asked) - 1) + [TextDelta]
    await heard(manners, model)
    assert model.asked == [*asked, asked[-1]]


async def test_when_no_way_is_left_the_last_refusal_is_the_answer() -> None:
    manners, model = Manners(), Model({Manner("text"): "fewer", Manner("text", has_temperature=False): "fewer"})
    with pytest.raises(ModelRefused):
        await heard(manners, model, ("text",))
    assert len(model.asked) == 2


async def test_one_model_does_not_suffer_for_another() -> None:
    manners, picky = Manners(), Model({Manner("schema"): "looser"})
    await heard(manners, picky)
    plain = Model({})
    assert [event async for event in manners.stream("other", ALL, plain.ask)] == [TextDelta("schema")]
