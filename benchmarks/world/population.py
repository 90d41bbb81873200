"""Fills a world with entities of each kind: names from the grids, values at random, gaps where a note is silent."""

from collections.abc import Iterator, Sequence
from itertools import product
from random import Random

from benchmarks.world import names
from benchmarks.world.kinds import Kind, write_entity
from benchmarks.world.office import PEOPLE, PROJECTS, SERVERS
from benchmarks.world.pastimes import INVOICES, PAPERS, RECIPES, TRIPS
from benchmarks.world.sheet import Entity, World, slug

KINDS = (PEOPLE, SERVERS, PROJECTS, RECIPES, PAPERS, INVOICES, TRIPS)
"""In the order they are made: a kind comes after those its attributes link to."""

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def populate(world: World, rng: Random, counts: dict[str, int]) -> dict[str, list[str]]:
    """Write the notes of all kinds; returns, by kind, the names of the grid that no note is about."""
    unused: dict[str, list[str]] = {}
    for kind in KINDS:
        grid = list(_GRIDS[kind.name]())
        chosen = _dense_sample(grid, counts[kind.name], rng)
        taken = set(chosen)
        unused[kind.name] = [name for name in grid if name not in taken]
        nicknames = iter(rng.sample(_ALIASES[kind.name], len(_ALIASES[kind.name])) if kind.name in _ALIASES else [])
        for name in chosen:
            entity = _make(kind, name, world, rng, next(nicknames, None) if rng.random() < 0.75 else None)
            world.put(write_entity(kind, entity, rng), entity)
    return unused


def _dense_sample(grid: Sequence[str], count: int, rng: Random) -> list[str]:
    """`count` names out of the densest part of the grid, so that few of them differ in more than one word."""
    if count > len(grid):
        raise ValueError(f"the grid has {len(grid)} names, {count} were asked for")
    near = grid[: max(count, int(count * 1.4))]
    return rng.sample(near, count)


def _make(kind: Kind, name: str, world: World, rng: Random, nickname: str | None) -> Entity:
    values: dict[str, str] = {}
    for attribute in kind.attributes:
        if rng.random() >= attribute.share:
            continue
        if attribute.links_to:
            others = [one.name for one in world.of(attribute.links_to) if one.name != name]
            if others:
                values[attribute.name] = rng.choice(others)
        elif attribute.make:
            values[attribute.name] = attribute.make(rng)
    path = f"{kind.folder}/{slug(name)}.md"
    return Entity(kind.name, name, path, values, (nickname,) if nickname else ())


def _people() -> Iterator[str]:
    # Diagonally through the grid: neighbours share a first or a last name, and no name crowds out the others.
    firsts, lasts = names.FIRST_NAMES, names.LAST_NAMES
    for step in range(len(lasts)):
        for at, first in enumerate(firsts):
            yield f"{first} {lasts[(at + step) % len(lasts)]}"


def _projects() -> Iterator[str]:
    for step in range(len(names.BIRDS)):
        for at, colour in enumerate(names.COLOURS):
            yield f"{colour} {names.BIRDS[(at + step) % len(names.BIRDS)]}"


def _servers() -> Iterator[str]:
    for number, family, role in product(range(1, 60), names.SERVER_FAMILIES, names.SERVER_ROLES):
        yield "-".join(part for part in (family, role, f"{number:02}") if part)


def _recipes() -> Iterator[str]:
    for dish, fruit, nut in product(names.DISHES, names.FRUITS, names.NUTS):
        yield f"{fruit} {nut} {dish}"


def _papers() -> Iterator[str]:
    for angle, method, target in product(names.ANGLES, names.METHODS, names.TARGETS):
        yield f"{method} {angle} {target}"


def _invoices() -> Iterator[str]:
    for number in range(1, 2000):
        yield f"INV-{2023 + number % 3}-{1000 + number * 7 % 2000}"


def _trips() -> Iterator[str]:
    for year, month, city in product(range(2019, 2026), MONTHS[::2], names.CITIES):
        yield f"{city} in {month} {year}"


_GRIDS = {
    "people": _people,
    "servers": _servers,
    "projects": _projects,
    "recipes": _recipes,
    "papers": _papers,
    "invoices": _invoices,
    "trips": _trips,
}
_ALIASES: dict[str, Sequence[str]] = {
    "people": names.NICKNAMES,
    "servers": names.SERVER_NICKNAMES,
    "projects": names.CODE_NAMES,
}
