"""Notes that only make a folder big: prose in an invented vocabulary whose words are as unevenly used as real ones."""

from random import Random

from benchmarks.world import filler
from benchmarks.world.sheet import Sheet, World, front_matter

VOCABULARY = 20_000
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeio"]


def write_bulk(world: World, rng: Random, count: int, *, characters: int) -> None:
    """`count` notes of about `characters` characters, in folders of a hundred."""
    words = _vocabulary(rng)
    for number in range(count):
        sheet = Sheet(f"bulk/{number // 100:03}/{number:05}.md")
        title = " ".join(_words(words, rng, 3)).capitalize()
        sheet.add(*front_matter({"tags": ["bulk"]}), f"# {title}", "")
        have = 0
        while have < characters:
            if rng.random() < 0.15:
                sheet.heading(" ".join(_words(words, rng, 2)).capitalize())
            text = " ".join(_sentence(words, rng) for _ in range(rng.randint(2, 6)))
            sheet.add(text, "")
            have += len(text)
        world.put(sheet)


def _vocabulary(rng: Random) -> list[str]:
    made: dict[str, None] = {}
    while len(made) < VOCABULARY:
        made["".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4)))] = None
    return list(made)


def _sentence(words: list[str], rng: Random) -> str:
    if rng.random() < 0.1:
        return filler.sentence(rng)
    return f"{' '.join(_words(words, rng, rng.randint(6, 16))).capitalize()}."


def _words(words: list[str], rng: Random, count: int) -> list[str]:
    # A word's use falls with its rank roughly as in real prose: the first tenth makes up half of the text.
    return [words[int(VOCABULARY * rng.random() ** 3.3)] for _ in range(count)]
