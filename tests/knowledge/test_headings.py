"""A citation names the heading its line stands under, whatever passage the line was cut into."""

import pytest

from amalfa.calls import Passage
from amalfa.knowledge import headings
from amalfa.knowledge.cite import check_citations
from amalfa.knowledge.headings import Headings
from amalfa.knowledge.markdown import BlockReader
from amalfa.knowledge.notes import make_note
from tests.knowledge.conftest import Vault

SIBLINGS = """---
title: House
---
Some words before all headings.

# Kitchen

Where the food is.

## Kettle

It is descaled with vinegar.

### Filter

```sh
# Not a heading
rinse --filter
```

## Fridge

It is kept at four degrees.
"""

EXPECTED = {
    "Some words before": "",
    "Where the food": "Kitchen",
    "## Kettle": "Kitchen > Kettle",
    "descaled with vinegar": "Kitchen > Kettle",
    "rinse --filter": "Kitchen > Kettle > Filter",
    "kept at four": "Kitchen > Fridge",
}


def passages_of(vault: Vault, text: str) -> list[Passage]:
    sections = make_note(vault.document("a.md", text), BlockReader()).sections
    return [Passage("a.md", one.start_line, one.end_line, one.heading, one.text) for one in sections]


def heading_over(words: str, vault: Vault, text: str) -> str:
    """The heading of the line with these words, by way of the passage that holds it."""
    lines = text.split("\n")
    line = next(number for number, found in enumerate(lines, start=1) if words in found)
    (passage,) = (one for one in passages_of(vault, text) if one.start_line <= line <= one.end_line)
    return Headings().over(line, passage, lines)


@pytest.mark.parametrize(("words", "expected"), EXPECTED.items())
def test_a_line_of_a_passage_of_many_sections_has_the_nearest_heading_above(
    vault: Vault, words: str, expected: str
) -> None:
    assert len(passages_of(vault, SIBLINGS)) == 1
    assert heading_over(words, vault, SIBLINGS) == expected


def test_the_rest_of_a_long_section_keeps_its_heading_beside_the_next_section(vault: Vault) -> None:
    long = "\n\n".join(f"Paragraph {number} about the boiler and its pump. {'x' * 150}" for number in range(9))
    text = f"# House\n\n## Boiler\n\n{long}\n\n## Fridge\n\nIt is kept at four degrees.\n"
    passage = passages_of(vault, text)[-1]
    assert passage.text.startswith("Paragraph")
    assert passage.heading == "House"
    assert heading_over("Paragraph 8", vault, text) == "House > Boiler"
    assert heading_over("four degrees", vault, text) == "House > Fridge"


def test_a_note_that_has_moved_on_is_read_as_it_is_now(vault: Vault) -> None:
    (passage,) = passages_of(vault, SIBLINGS)
    now = ("\n\nNew.\n\n" + SIBLINGS.partition("---\n")[2].partition("---\n")[2]).replace("# Kettle", "# Teapot")
    lines = now.split("\n")
    cited = check_citations("It is descaled with vinegar [1].", [passage], lambda _: lines).citations
    assert [one.heading for one in cited] == ["Kitchen > Teapot"]


@pytest.mark.parametrize(
    ("quote", "heading"), [("descaled with vinegar", "Kettle"), ("kept at four degrees", "Fridge")]
)
@pytest.mark.parametrize("answer", ['It says "{quote}" [1].', "It is {quote} [1]."])
def test_a_citation_shows_the_heading_of_its_line(vault: Vault, answer: str, quote: str, heading: str) -> None:
    cited = check_citations(
        answer.format(quote=quote), passages_of(vault, SIBLINGS), lambda _: SIBLINGS.split("\n")
    ).citations
    assert [one.heading for one in cited] == [f"Kitchen > {heading}"]


@pytest.mark.parametrize("text", ["One line.\nAnother.", "One line.\n\n## Inner\n\nAnother."])
def test_text_that_a_caller_brings_keeps_the_heading_it_was_given(text: str) -> None:
    passage = Passage("passage-1", 1, 5, "A letter", text)
    assert Headings().over(1, passage, text.split("\n")) == "A letter"


def test_front_matter_is_under_no_heading(vault: Vault) -> None:
    text = "---\nowner: Ada\n---\n# Kitchen\n\nWhere the food is.\n"
    assert heading_over("owner: Ada", vault, text) == ""


def test_an_enormous_note_is_not_parsed_for_a_heading(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headings, "MAX_CHARACTERS", 10)
    (passage,) = passages_of(vault, SIBLINGS)
    assert Headings().over(len(SIBLINGS.split("\n")), passage, SIBLINGS.split("\n")) == passage.heading
