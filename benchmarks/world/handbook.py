"""The handbook: pages of house rules for several sites, some pages missing at some sites."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.world import filler
from benchmarks.world.house_rules import SITES, TOPICS, Rule
from benchmarks.world.sheet import Entity, Sheet, World, front_matter, slug


@dataclass(frozen=True, slots=True)
class Page:
    """One topic of one site. A page that was not written leaves its questions without an answer."""

    site: str
    topic: str
    path: str


def write_handbook(world: World, rng: Random, count: int) -> tuple[list[Page], list[Page]]:
    """`count` pages, and those the same sites lack. At least a sixth of the topics is missing somewhere."""
    sites = SITES[: max(2, min(len(SITES), -(-count * 6 // (5 * len(TOPICS)))))]
    grid = [Page(site, topic, f"handbook/{slug(site)}/{slug(topic)}.md") for site in sites for topic in TOPICS]
    written = set(rng.sample(range(len(grid)), min(count, len(grid) - 2)))
    for at in sorted(written):
        _write_page(world, grid[at], rng)
    return [grid[at] for at in sorted(written)], [page for at, page in enumerate(grid) if at not in written]


def _write_page(world: World, page: Page, rng: Random) -> None:
    sheet = Sheet(page.path)
    sheet.add(*front_matter({"tags": ["handbook", slug(page.topic)], "updated": f"2024-{rng.randint(1, 12):02}-03"}))
    sheet.add(f"# {page.topic} in {page.site}", "", f"Rules for everybody at the {page.site} site.", "")
    rules = list(TOPICS[page.topic])
    rng.shuffle(rules)
    for rule in rules:
        value = rng.choice(rule.values)
        sheet.heading(rule.heading)
        sheet.fact(rule.line.format(v=value), page.site, _key(page.topic, rule), value)
        if rng.random() < 0.5:
            sheet.add("", filler.paragraph(rng, rng.randint(1, 2)))
    world.put(sheet, Entity("handbook", f"{page.topic} in {page.site}", page.path, {}))


def _key(topic: str, rule: Rule) -> str:
    return f"{topic}: {rule.heading}"


def rules_of(page: Page) -> Sequence[tuple[str, str]]:
    """(attribute, question) for each rule of a page."""
    return [(_key(page.topic, rule), rule.question.format(site=page.site)) for rule in TOPICS[page.topic]]
