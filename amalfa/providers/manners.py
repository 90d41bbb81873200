"""How a request is put to a model that refuses part of it: other ways of asking, in order, and which were refused.

Knows no API: what a refusal is about is judged elsewhere, and asking is somebody else's work.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from amalfa.errors import CallError
from amalfa.providers.json_shapes import Shape
from amalfa.providers.provider import Event, Waiting

Remedy = Literal["looser", "fewer"]
"""What may help against a refusal: a looser output format, or fewer parameters."""

_LOOSER: dict[Shape, str] = {"object": "any JSON object", "words": "JSON in words"}


@dataclass(frozen=True, slots=True)
class Manner:
    """One way to ask. The temperature, and what else steers the choice of words, matters least and can be left out."""

    shape: Shape
    has_temperature: bool = True


class FormatRefused(Exception):
    """The request is refused for the way it is put. Caught by `Manners`, which may know another way."""

    def __init__(self, error: CallError, remedy: Remedy) -> None:
        super().__init__(error.message)
        self.error = error
        self.remedy = remedy


Ask = Callable[[Manner], AsyncGenerator[Event, None]]


class Manners:
    """The ways of asking the models of one provider. What a model refused once is not tried again on every call."""

    def __init__(self) -> None:
        self._refused: dict[str, set[Manner]] = {}

    async def stream(self, model: str, shapes: Sequence[Shape], ask: Ask) -> AsyncGenerator[Event, None]:
        """The events of `ask`, asked again in other ways as long as it is refused. Raises the last refusal's error."""
        manner = self._first(model, shapes)
        while True:
            try:
                async with aclosing(ask(manner)) as events:
                    async for event in events:
                        yield event
                return
            except FormatRefused as refused:
                following = self._after(model, manner, shapes, refused.remedy)
                if following is None:
                    raise refused.error from None
                yield Waiting(f"{model} is not served with this {_told(manner, following)}")
                manner = following

    def _first(self, model: str, shapes: Sequence[Shape]) -> Manner:
        refused = self._refused.get(model, set())
        possible = _all(shapes)
        # When everything was refused, the service may have changed since; asking plainly finds out.
        return next((manner for manner in possible if manner not in refused), possible[0])

    def _after(self, model: str, manner: Manner, shapes: Sequence[Shape], remedy: Remedy) -> Manner | None:
        possible = _all(shapes)
        later = possible[possible.index(manner) + 1 :]
        if remedy == "looser":
            later = [other for other in later if other.shape != manner.shape]
        if not later:
            return None
        passed_over = possible[possible.index(manner) : possible.index(later[0])]
        self._refused.setdefault(model, set()).update(passed_over)
        return later[0]


def _all(shapes: Sequence[Shape]) -> list[Manner]:
    return [Manner(shape, has_temperature) for shape in shapes for has_temperature in (True, False)]


def _told(refused: Manner, following: Manner) -> str:
    if following.shape == refused.shape:
        return "temperature, asking without one"
    return f"format, asking for {_LOOSER.get(following.shape, following.shape)}"
