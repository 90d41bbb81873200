"""Minutes of project meetings: dated, alike, and contradicting each other on purpose as plans move."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from benchmarks.world import filler
from benchmarks.world.sheet import Entity, Sheet, World, front_matter, slug

_DECISIONS = (
    "use {tool} for the pilot",
    "drop {tool} after the pilot",
    "ask {tool} for a second quote",
    "postpone the move to {tool}",
    "train two people on {tool}",
    "put {tool} behind the proxy",
)
_TOOLS = (
    "Ferrite",
    "Quartz",
    "Basalt",
    "Granite",
    "Marble",
    "Slate",
    "Flintstone",
    "Obsidian",
    "Pumice",
    "Gneiss",
    "Schist",
    "Shale",
)
_MOVES = (
    "The deadline moves to {v}.",
    "Deadline moved to {v}.",
    "New deadline: {v}, agreed by all.",
)
_RAISES = (
    "The budget is now {v}.",
    "Budget changed to {v} after the review.",
    "New budget: {v}.",
)


@dataclass(frozen=True, slots=True)
class Meeting:
    """One meeting of one project; `decision` is what was decided there."""

    project: str
    day: date
    path: str
    decision: str


def write_meetings(world: World, rng: Random, count: int) -> list[Meeting]:
    """`count` minutes in series of two to five per project, each series in the order of its days."""
    made: list[Meeting] = []
    projects = list(world.of("projects"))
    rng.shuffle(projects)
    while len(made) < count and projects:
        project = projects.pop()
        day = date(2024, 1, 8) + timedelta(days=rng.randint(0, 200))
        for number in range(min(rng.randint(2, 5), count - len(made))):
            made.append(_write_one(world, project, day, number, rng))
            day += timedelta(days=rng.randint(9, 60))
    return made


def _write_one(world: World, project: Entity, day: date, number: int, rng: Random) -> Meeting:
    called = f"Project {project.name}"
    sheet = Sheet(f"meetings/{day.isoformat()}-{slug(project.name)}.md")
    sheet.add(*front_matter({"date": day.isoformat(), "project": f'"[[{called}]]"', "tags": ["meeting"]}))
    sheet.add(f"# {called}: meeting {number + 1} on {day.isoformat()}", "")
    present = ", ".join(f"[[{one.name}]]" for one in rng.sample(list(world.of("people")), 3))
    sheet.fact(f"Attendees: {present}", project.name, f"attendees {day}", present, day)
    sheet.add("", filler.paragraph(rng, 2))
    sheet.heading("Decisions")
    decision = rng.choice(_DECISIONS).format(tool=rng.choice(_TOOLS))
    sheet.fact(f"- We {decision}.", project.name, f"decision {day}", decision, day)
    if number and rng.random() < 0.6:
        value = (day + timedelta(days=rng.randint(90, 500))).isoformat()
        sheet.fact(f"- {rng.choice(_MOVES).format(v=value)}", project.name, "deadline", value, day)
    if number and rng.random() < 0.4:
        value = f"{rng.randint(12, 480)},{rng.randint(0, 19) * 50:03} EUR"
        sheet.fact(f"- {rng.choice(_RAISES).format(v=value)}", project.name, "budget", value, day)
    sheet.heading("Actions")
    for _ in range(rng.randint(1, 3)):
        sheet.add(f"- [ ] {rng.choice(list(world.of('people'))).name.split()[0]}: {filler.sentence(rng)}")
    world.put(sheet)
    return Meeting(project.name, day, sheet.path, decision)
