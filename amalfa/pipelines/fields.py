"""Takes single values out of a pipeline's JSON, each with its line, and notes everything that is wrong with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite

from amalfa.config.origins import Sourced
from amalfa.config.problems import suggestion
from amalfa.errors import Problem
from amalfa.pipelines.condition_text import BadCondition, parse
from amalfa.pipelines.graph import Condition

TEXT_MAX_CHARACTERS = 20_000


@dataclass(slots=True)
class Problems:
    """What was found wrong so far."""

    found: list[Problem] = field(default_factory=list)

    def add(self, at: Sourced, message: str) -> None:
        self.found.append(at.origin.problem(message))


class Fields:
    """One object of the file. `what` names it for messages: `node "router"`."""

    def __init__(self, sourced: Sourced, what: str, problems: Problems) -> None:
        self.sourced = sourced
        self.what = what
        self.problems = problems
        self._values = sourced.value if isinstance(sourced.value, dict) else {}

    def is_object(self) -> bool:
        """Whether it is one at all; a problem is noted when it is not."""
        if not isinstance(self.sourced.value, dict):
            self.problems.add(self.sourced, f"{self.what} must be an object {{…}}")
            return False
        return True

    def allow(self, keys: Sequence[str]) -> None:
        """Note every key that is none of `keys`."""
        for key, value in self._values.items():
            if key not in keys:
                self.problems.add(value, f"{self.what} has the unknown key {key}{suggestion(key, keys)}")

    def get(self, *keys: str) -> Sourced | None:
        """What stands at the first of `keys` that is there; null counts as nothing."""
        found = (self._values.get(key) for key in keys)
        return next((one for one in found if one is not None and one.value is not None), None)

    def refuse(self, key: str, message: str) -> None:
        at = self.get(key) or self.sourced
        self.problems.add(at, f"{self.what}: {key} {message}")

    def text(self, *keys: str) -> str:
        found = self.get(*keys)
        if found is None:
            return ""
        if not isinstance(found.value, str):
            self.refuse(keys[0], "must be text")
            return ""
        if len(found.value) > TEXT_MAX_CHARACTERS:
            self.refuse(keys[0], f"is longer than {TEXT_MAX_CHARACTERS} characters")
        return found.value.strip()

    def number(self, *keys: str, least: float, most: float) -> float | None:
        found = self.get(*keys)
        if found is None:
            return None
        value = found.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            self.refuse(keys[0], "must be a number")
            return None
        if not least <= value <= most:
            self.refuse(keys[0], f"must be from {least:g} to {most:g}")
            return None
        return float(value)

    def count(self, *keys: str, most: int, least: int = 0) -> int | None:
        found = self.number(*keys, least=least, most=most)
        if found is not None and found != int(found):
            self.refuse(keys[0], "must be a whole number")
            return None
        return None if found is None else int(found)

    def flag(self, *keys: str) -> bool:
        found = self.get(*keys)
        if found is None or isinstance(found.value, bool):
            return bool(found and found.value)
        self.refuse(keys[0], "must be true or false")
        return False

    def choice(self, *keys: str, among: Iterable[str]) -> str:
        found, known = self.text(*keys), tuple(among)
        if found and found not in known:
            self.refuse(keys[0], f"must be one of {', '.join(known)}{suggestion(found, known)}")
            return ""
        return found

    def items(self, *keys: str) -> list[Sourced]:
        """A list's items; a lone value is a list of one."""
        found = self.get(*keys)
        if found is None:
            return []
        return found.value if isinstance(found.value, list) else [found]

    def members(self, *keys: str) -> dict[str, Sourced]:
        found = self.get(*keys)
        if found is None:
            return {}
        if not isinstance(found.value, dict):
            self.refuse(keys[0], "must be an object {…}")
            return {}
        return found.value

    def condition(self) -> Condition | None:
        found = self.get("if")
        if found is None:
            return None
        if not isinstance(found.value, str):
            self.refuse("if", "must be a condition in quotes")
            return None
        try:
            return Condition(found.value.strip(), found.origin.line, parse(found.value))
        except BadCondition as problem:
            self.refuse("if", str(problem))
            return None
