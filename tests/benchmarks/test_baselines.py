from itertools import pairwise

from benchmarks.baselines import SECTION_CHARACTERS, Grep, PlainBm25, sections_of
from benchmarks.vault import make_vault
from benchmarks.world.sheet import Note

NOTE = Note("a.md", "# Pools\n\n## Indoor\n\nThe indoor pool has 8 lanes.\n\n## Outdoor\n\nThe outdoor pool is warm.\n")


def test_sections_hold_every_line_once_and_stay_short() -> None:
    for note in make_vault(80, 1, 20).notes:
        sections = sections_of(note)
        lines = [line for section in sections for line in section.text.split("\n")]
        assert lines == note.lines
        for before, after in pairwise(sections):
            assert after.start_line == before.end_line + 1
        assert all(
            len(section.text) <= SECTION_CHARACTERS or section.start_line == section.end_line for section in sections
        )


def test_both_baselines_find_the_words_they_are_asked_for() -> None:
    passages = [*sections_of(NOTE), *sections_of(Note("b.md", "# Lakes\n\nNo lanes here.\n"))]
    for engine in (Grep(passages), PlainBm25(passages)):
        assert [found.path for found in engine.search("How many lanes has the pool?", 1)] == ["a.md"]
        assert engine.search("zebra", 3) == []
