"""What a passage says at one go, and whether it says something of its note's own thing."""

import pytest

from amalfa.knowledge.facts import is_fact, speaks_of_the_same
from amalfa.knowledge.statements import Statement, statements

PASSAGE = """# Halberd

It was built in Graz. Ada Quill runs it.

- Port: 8443
- Budget: 42
  thousand

| who | role |
|---|---|
| Ada | lead |
| Bob | deputy |

## Care

```sh
halberd stop

# no heading
```
Their own list."""


def test_a_passage_is_split_into_sentences_items_and_rows_under_their_headings() -> None:
    assert statements(PASSAGE) == [
        Statement("# Halberd", "It was built in Graz."),
        Statement("# Halberd", "Ada Quill runs it."),
        Statement("# Halberd", "- Port: 8443"),
        Statement("# Halberd", "- Budget: 42   thousand"),
        Statement("# Halberd", "| who | role | | Ada | lead |"),
        Statement("# Halberd", "| who | role | | Bob | deputy |"),
        Statement("## Care", "```sh halberd stop  # no heading ```"),
        Statement("## Care", "Their list."),
    ]


def test_a_passage_of_headings_only_is_one_empty_statement() -> None:
    assert statements("# Halberd\n## Care") == [Statement("## Care", "")]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("- **Deadline:** soon", True),
        ("| what | value | | Deadline | soon |", True),
        ("The deadline is 3 May.", True),
        ("The deadline was set by Ada.", True),
        ("It has no deadline.", True),
        ("Halberd has a deadline.", True),
        ("Procurement reviewed the template for deadlines, without result.", False),
    ],
)
def test_a_remark_is_told_from_a_fact(statement: str, expected: bool) -> None:
    assert is_fact(statement, frozenset({"halberd"})) is expected


def test_a_pronoun_goes_on_with_what_was_spoken_of() -> None:
    assert speaks_of_the_same("It stands in Graz.")
    assert not speaks_of_the_same("Osprey stands in Graz.")
