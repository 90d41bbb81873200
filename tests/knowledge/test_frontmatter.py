"""The YAML head of a note: what it gives, and that nothing in it ever costs the note or its privacy."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amalfa.knowledge.frontmatter import MAX_LINES, FrontMatter, read_front_matter


def read(block: str) -> FrontMatter:
    return read_front_matter(["---", *block.split("\n"), "---", "# Body"])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an empty file"),
        pytest.param("# Title\n\ntext", id="no block"),
        pytest.param("text\n---\ntitle: no\n---", id="a block further down"),
        pytest.param("\n---\ntitle: no\n---", id="a block after an empty line"),
        pytest.param(" ---\ntitle: no\n---", id="an indented fence"),
        pytest.param("----\ntitle: no\n----", id="a rule of four dashes"),
        pytest.param("---\n\ntext after a rule, with no second one", id="a rule alone"),
    ],
)
def test_a_note_without_a_block_has_empty_front_matter(text: str) -> None:
    assert read_front_matter(text.split("\n")) == FrontMatter()


def test_the_usual_keys_are_read() -> None:
    front = read("title: The Kettle\ntags: [home, kitchen]\naliases: [Boiler, Pot]\ndate: 2024-03-12")
    assert front == FrontMatter(
        line_count=6,
        fact_lines=6,
        title="The Kettle",
        tags=("home", "kitchen"),
        aliases=("Boiler", "Pot"),
        date="2024-03-12",
    )


def test_an_empty_block_takes_its_lines_and_says_nothing() -> None:
    assert read_front_matter(["---", "---", "text"]) == FrontMatter(line_count=2, fact_lines=2)
    assert read("# only a comment") == FrontMatter(line_count=3, fact_lines=3)


@pytest.mark.parametrize("fences", [("---", "---"), ("---  ", "---\t"), ("---", "...")])
def test_a_block_is_closed_by_dashes_or_dots_with_spaces_behind_them(fences: tuple[str, str]) -> None:
    front = read_front_matter([fences[0], "title: T", fences[1], "text"])
    assert (front.title, front.line_count) == ("T", 3)


@pytest.mark.parametrize(
    ("block", "tags"),
    [
        pytest.param("tags: [a, b]", ("a", "b"), id="a list"),
        pytest.param("tags:\n  - a\n  - b", ("a", "b"), id="a list over lines"),
        pytest.param("tags: a b", ("a", "b"), id="words"),
        pytest.param("tags: a, b c", ("a", "b c"), id="commas"),
        pytest.param("tags: '#a #b'", ("a", "b"), id="hashes"),
        pytest.param("tag: a", ("a",), id="the singular"),
        pytest.param("tags: [a]\ntag: b", ("a", "b"), id="both"),
        pytest.param("TAGS: [a]", ("a",), id="upper case"),
        pytest.param("tags: [a, a]", ("a",), id="once"),
        pytest.param("tags: [2024, 1.5, true]", ("2024", "1.5", "True"), id="no strings"),
        pytest.param("tags: [a, [b], {c: d}, null, '']", ("a",), id="nested and empty"),
        pytest.param("tags:", (), id="none"),
        pytest.param("tags: {a: b}", (), id="a mapping"),
        pytest.param("tags: [猫, über/straße]", ("猫", "über/straße"), id="any script"),
    ],
)
def test_tags_are_read_however_they_are_written(block: str, tags: tuple[str, ...]) -> None:
    assert read(block).tags == tags


@pytest.mark.parametrize(
    ("block", "aliases"),
    [
        ("aliases: [The Pot, Boiler]", ("The Pot", "Boiler")),
        ("alias: The Pot", ("The Pot",)),
        ("aliases: The Pot, Boiler", ("The Pot", "Boiler")),
        ("aliases:\n- The Pot", ("The Pot",)),
    ],
)
def test_an_alias_may_be_of_several_words(block: str, aliases: tuple[str, ...]) -> None:
    assert read(block).aliases == aliases


@pytest.mark.parametrize(
    ("block", "date"),
    [
        ("date: 2024-03-12", "2024-03-12"),
        ("date: 2024-03-12 10:15", "2024-03-12"),
        ("date: 2024-03-12T23:30:00Z", "2024-03-12"),
        ("date: '12/03/2024'", ""),
        ("created: 2023-01-01\nupdated: 2024-01-01", "2024-01-01"),
        ("created: 2023-01-01\ndate: someday", "2023-01-01"),
        ("date: [2024-03-12]", ""),
    ],
)
def test_the_date_is_an_iso_day_or_nothing(block: str, date: str) -> None:
    assert read(block).date == date


@pytest.mark.parametrize(
    ("block", "has_facts"),
    [("title: T\ntags: [a]\nlayout: page", False), ("title: T\nowner: Ada", True), ("extension: 4711", True)],
)
def test_keys_beyond_the_usual_ones_are_facts(block: str, has_facts: bool) -> None:
    assert read(block).has_facts is has_facts


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("amalfa: private", id="as documented"),
        pytest.param("title: T\namalfa: private\ntags: [a]", id="among others"),
        pytest.param("amalfa: Private", id="with a capital"),
        pytest.param("Amalfa: private", id="with a capital in the key"),
        pytest.param("amalfa: 'private'", id="quoted"),
        pytest.param('"amalfa": private', id="with a quoted key"),
        pytest.param("amalfa: private # keep it here", id="with a comment"),
        pytest.param("amalfa :   private", id="with spaces"),
        pytest.param("{amalfa: private, title: T}", id="in one line"),
        pytest.param("amalfa: >\n  private", id="folded"),
        pytest.param("class: &c private\namalfa: *c", id="by reference"),
        pytest.param("amalfa: !!bool private", id="as a type it is not"),
        pytest.param("amalfa: public\namalfa: private", id="after another value"),
        pytest.param("amalfa: private\namalfa: public", id="before another value"),
        pytest.param("amalfa: private\ntitle: [broken", id="in a broken block"),
        pytest.param("title: [broken\namalfa: private", id="after what is broken"),
        pytest.param("amalfa: 'private'\ntitle: a: b: c", id="quoted in a broken block"),
        pytest.param('"amalfa": private\ntitle: [broken', id="with a quoted key in a broken block"),
        pytest.param("{amalfa: private, title: [broken}", id="in one broken line"),
        pytest.param("\tamalfa: private", id="behind a tab, which breaks YAML"),
        pytest.param("just text\namalfa: private", id="in a block that is no mapping"),
        pytest.param("when: !!bool maybe\namalfa: private", id="beside a value of an unlikely type"),
    ],
)
def test_a_private_note_is_private_however_it_says_so(block: str) -> None:
    assert read(block).is_private


@pytest.mark.parametrize("block", ["amalfa: public", "title: amalfa private", "other: private", "# amalfa: private"])
def test_a_note_that_does_not_say_so_is_not_private(block: str) -> None:
    assert not read(block).is_private


def test_a_private_note_stays_private_under_a_head_of_any_length() -> None:
    """Too long to be read for its values is no reason to send it away."""
    lines = ["---", "amalfa: private", *(f"key{number}: x" for number in range(MAX_LINES)), "---", "secret"]
    assert read_front_matter(lines).is_private


def test_a_private_note_stays_private_while_its_head_is_being_typed() -> None:
    assert read_front_matter(["---", "amalfa: private", "", "# Secret", "text"]).is_private


@pytest.mark.parametrize(
    ("block", "line"),
    [
        pytest.param("title: [a\nowner: b", "line 3", id="an open list"),
        pytest.param("title: T\nowner: a: b", "line 3", id="two colons"),
        pytest.param("title: T\n\tx: y", "line 3", id="a tab"),
        pytest.param("title: *nobody", "line 2", id="an unknown anchor"),
        pytest.param("title: !python/object:os.system x", "line 2", id="a foreign type"),
        pytest.param("a\nb: c", "line 3", id="no mapping"),
        pytest.param("date: 2024-13-45", "ValueError", id="an impossible date"),
        pytest.param("%YAML 9.9", "line", id="a directive"),
        pytest.param("title: " + "[" * 3_000, "RecursionError", id="depth"),
        pytest.param("when: !!bool maybe", "not valid YAML", id="a truth value that is none"),
        pytest.param("- a\n- b", "not a list of keys and values", id="a list"),
    ],
)
def test_a_broken_block_names_its_problem_and_takes_its_lines(block: str, line: str) -> None:
    front = read(block)
    assert line in front.problem
    assert "front matter" in front.problem
    assert front.line_count == block.count("\n") + 3


def test_a_key_given_twice_is_no_problem() -> None:
    front = read("title: One\ntags: [a]\ntitle: Two")
    assert (front.problem, front.tags) == ("", ("a",))
    assert front.title in ("One", "Two")


def test_an_anchor_given_twice_is_no_problem() -> None:
    front = read("title: &a One\nowner: &a Two\ntags: [*a]")
    assert (front.problem, front.title, front.tags) == ("", "One", ("Two",))


def test_a_broken_block_still_gives_its_plain_lines() -> None:
    front = read("title: 'The Kettle'\ntags: [home, \"kitchen\"]\ndate: 2024-03-12\nowner: Ada: Bob\nlist: [open")
    assert (front.title, front.tags, front.date) == ("The Kettle", ("home", "kitchen"), "2024-03-12")
    assert front.has_facts


@pytest.mark.parametrize(
    "value",
    [
        "0x" + "f" * 5_000,
        "9" * 5_000,
        '"\\uD800"',
        '"\\0"',
        "1e999999",
        "!!binary '&&&'",
        "!!int x",
        "!!bool x",
        "1:2:3",
    ],
    ids=lambda value: str(value)[:12],
)
@pytest.mark.parametrize("key", ["title", "tags", "anything"])
def test_no_value_costs_the_note(key: str, value: str) -> None:
    front = read(f"{key}: {value}")
    assert front.line_count == 3
    for text in (front.title, front.date, front.problem, *front.tags, *front.aliases):
        text.encode()  # what cannot be written as UTF-8 cannot be stored either


def test_entities_that_multiply_are_not_spelled_out() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    front = read(f"a0: &a0 [lol]\n{levels}\ntags: *a11\ntitle: *a11")
    assert (front.tags, front.title) == ((), "")


def test_merged_keys_that_multiply_are_not_spelled_out_either() -> None:
    levels = "\n".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 8)}]}}" for n in range(1, 8))
    began_s = time.thread_time()
    front = read(f"a0: &a0 {{x: 1}}\n{levels}\ntitle: T")
    assert front.title == "T"
    assert time.thread_time() - began_s < 0.5


YAMLISH = st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,?\t ~=<\\0x1.", max_size=40)


@given(st.lists(YAMLISH, max_size=6))
@example(["? {a: b}", ": c"])
@example(["<<: [1]"])
@example(["x: &a [*a]", "tags: *a"])
@example(["? [a]", ": b"])
def test_any_block_is_read_without_harm(block: list[str]) -> None:
    front = read_front_matter(["---", *block, "---", "text"])
    closing = next((n for n, line in enumerate(block) if line.rstrip() in ("---", "...")), len(block))
    assert front.line_count == closing + 2


@given(st.lists(YAMLISH, max_size=5), st.integers(0, 5))
def test_a_private_line_counts_in_any_company(others: list[str], at: int) -> None:
    block = [line for line in others if line.rstrip() not in ("---", "...")]
    block.insert(at, "amalfa: private")
    assert read_front_matter(["---", *block, "---", "text"]).is_private
