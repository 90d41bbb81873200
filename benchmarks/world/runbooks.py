"""Error codes of a made-up spooler, one note each: nearly the same words, told apart by their code alone."""

from random import Random

from benchmarks.world import filler
from benchmarks.world.sheet import Entity, Sheet, World, front_matter

_CAUSES = (
    "the spool is full",
    "the spool is read-only",
    "the spool index is stale",
    "the queue is paused",
    "the queue was emptied by hand",
    "the lease has run out",
    "the lease is held twice",
    "the checksum differs",
    "the certificate is too old",
    "the certificate is not yet valid",
    "the clock is ahead",
    "the clock is behind",
)
_FIXES = ("spoolctl drain", "spoolctl rebuild", "spoolctl resume", "spoolctl renew", "spoolctl verify", "spoolctl sync")


def write_runbooks(world: World, rng: Random, count: int) -> None:
    """`count` notes; the codes have gaps, so that a neighbouring code may not exist."""
    for number in sorted(rng.sample(range(4100, 4100 + 3 * count), count)):
        _write_one(world, f"E-{number}", rng)


def _write_one(world: World, code: str, rng: Random) -> None:
    sheet = Sheet(f"runbooks/{code.lower()}.md")
    sheet.add(*front_matter({"tags": ["runbook", "spooler"]}), f"# Spooler error {code}", "")
    cause = rng.choice(_CAUSES)
    part = rng.choice(("lane", "tray", "slot"))
    command = f"{rng.choice(_FIXES)} --{part} {rng.randint(2, 64)} --grace {rng.randint(5, 95)}s"
    sheet.fact(f"{code} means that {cause}.", code, "meaning", cause)
    sheet.add("", filler.paragraph(rng, 2))
    sheet.heading("Fix")
    sheet.add("Run on the spooler host:", "", "```sh", f"# clears {code}")
    sheet.fact(command, code, "command", command)
    sheet.add("```", "", filler.sentence(rng))
    world.put(sheet, Entity("runbooks", code, sheet.path, {"meaning": cause, "command": command}))
