"""Makes a folder of confusable notes, and questions whose answers it holds or plausibly lacks, from a seed.

    python -m benchmarks.vault OUT --notes 1000 --seed 7

writes `OUT/notes/**.md`, `OUT/questions.jsonl` and `OUT/edits.jsonl`. The same seed and numbers give the same
bytes on every machine: one `random.Random`, no clock, no set order.

**Notes** (1,000): people 16 %, meetings 13 %, servers 12 %, projects 12 %, recipes 8 %, papers 8 %, handbook pages
8 %, invoices 7 %, runbooks 4 %, trips 4 %, other languages (ja zh ko de fr) 2.6 %, stale plans and sync-conflict
twins 2 % each, private notes 1 %, five year-long journals (366 entries in one file), one page of made-up secrets, one
note that gives orders. Names come from dense grids (Blue Heron, Blue Harrier, Grey Heron; kestrel-db-03,
kestrel-web-03), so that most differ from another one in a single word. Each attribute is left out of some notes, is
written as a table row, a bullet, a sentence or inside a paragraph, and stands among remarks that use the same words
without saying anything ("Procurement reviewed the template for budgets and cost centres."). Minutes contradict
project pages, with dates. What goes beyond 1,000 notes is bulk in an invented vocabulary: it makes a folder big, and
no question is about it.

**Questions** (200): 160 with an answer (numeric 30, exact 30, alias 25, multi-hop 25, temporal 25, paraphrase 25)
and 40 without (15 ask a real thing for what its notes leave out, 15 a thing from the gaps of the grid, 5 for a
meeting on a day when there was none, 5 for a house rule that the site has no page on). Every gold is a set of lines,
any of which will do (twins), and holds the answer word for word; a multi-hop question has one gold for each hop.
Dates are asked for as "14 May 2024" and written 2024-05-14. A fifth of the numeric questions is in another language,
and some drop the accents. Paraphrases share no word of meaning with their line, only the site's name; about a third
share one with the heading above it. A twentieth of the questions has an edit that changes the answer and moves it
within its note.

None of this is built after how any one engine searches: what separates answerable from unanswerable is only
whether a note says it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.world.bulk import write_bulk
from benchmarks.world.changes import make_edits
from benchmarks.world.foreign import write_foreign
from benchmarks.world.gaps import make_unanswerable
from benchmarks.world.handbook import write_handbook
from benchmarks.world.meetings import write_meetings
from benchmarks.world.oddities import (
    write_double_notes,
    write_journals,
    write_orders,
    write_private_notes,
    write_secrets,
    write_stale_copies,
)
from benchmarks.world.population import populate
from benchmarks.world.question import Edit, Question
from benchmarks.world.quiz import Sources, make_answerable
from benchmarks.world.runbooks import write_runbooks
from benchmarks.world.sheet import Note, World

TOLD_NOTES = 1_000
"""Above this many notes the rest is bulk."""

BULK_CHARACTERS = 5_000

SHARES = {
    "people": 0.16,
    "servers": 0.12,
    "projects": 0.12,
    "recipes": 0.08,
    "papers": 0.08,
    "handbook": 0.08,
    "invoices": 0.07,
    "runbooks": 0.04,
    "trips": 0.04,
    "foreign": 0.026,
    "stale": 0.02,
    "twins": 0.02,
    "private": 0.01,
    "journals": 0.005,
}
QUESTION_SHARES = {
    "numeric": 0.15,
    "exact": 0.15,
    "alias": 0.125,
    "multi-hop": 0.125,
    "temporal": 0.125,
    "paraphrase": 0.125,
}
EDITED_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Vault:
    """Notes in order of their paths, the questions on them, and edits for some of those questions."""

    notes: tuple[Note, ...]
    questions: tuple[Question, ...]
    edits: tuple[Edit, ...]

    def write(self, folder: Path) -> Path:
        """Write everything below `folder`, which need not exist; returns the folder of the notes."""
        notes = folder / "notes"
        for note in self.notes:
            path = notes / note.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(note.text, encoding="utf-8", newline="\n")
        _write_lines(folder / "questions.jsonl", [question.as_json() for question in self.questions])
        _write_lines(folder / "edits.jsonl", [edit.as_json() for edit in self.edits])
        return notes


def make_vault(notes: int = TOLD_NOTES, seed: int = 7, questions: int = 200) -> Vault:
    """A vault of `notes` notes (at least 60) and `questions` questions, a fifth of which have no answer."""
    if notes < 60:
        raise ValueError("a vault takes at least 60 notes, or some kinds would be missing")
    rng = Random(seed)
    told = min(notes, TOLD_NOTES)
    counts = {name: max(1, round(told * share)) for name, share in SHARES.items()}
    world = World()
    unused = populate(world, rng, counts)
    pages, unwritten = write_handbook(world, rng, counts["handbook"])
    write_runbooks(world, rng, counts["runbooks"])
    foreign = write_foreign(world, rng, counts["foreign"])
    write_journals(world, rng, counts["journals"])
    stale = write_stale_copies(world, rng, counts["stale"])
    write_private_notes(world, rng, counts["private"])
    write_double_notes(world, rng, counts["twins"])
    write_secrets(world, rng)
    write_orders(world)
    meetings = write_meetings(world, rng, told - len(world.sheets))
    sources = Sources(world, rng, meetings, pages, foreign, stale)
    wanted = {name: round(questions * share) for name, share in QUESTION_SHARES.items()}
    asked = make_answerable(sources, wanted)
    asked += make_unanswerable(sources, questions - sum(wanted.values()), unused=unused, unwritten=unwritten)
    edits = make_edits(world, rng, [one for one in asked if one.is_answerable], round(questions * EDITED_SHARE))
    write_bulk(world, rng, notes - len(world.sheets), characters=BULK_CHARACTERS)
    written = sorted((sheet.note() for sheet in world.sheets), key=lambda note: note.path)
    return Vault(tuple(written), tuple(asked), tuple(edits))


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.vault", description="Write an evaluation vault.")
    options.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    options.add_argument("--notes", type=int, default=TOLD_NOTES)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--questions", type=int, default=200)
    given = options.parse_args()
    vault = make_vault(given.notes, given.seed, given.questions)
    folder = vault.write(given.out)
    characters = sum(len(note.text) for note in vault.notes)
    print(
        f"{len(vault.notes)} notes, {characters / 1e6:.1f} M characters in {folder}; {len(vault.questions)} questions"
    )


if __name__ == "__main__":
    main()
