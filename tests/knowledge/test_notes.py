"""What the index keeps of a note: title, names, links, tags, date, privacy and passages."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.knowledge import notes as module
from amalfa.knowledge.files import MAX_LINE_CHARACTERS, Document
from amalfa.knowledge.markdown import BlockReader
from amalfa.knowledge.notes import MAX_LINKS, Note, is_private, make_note
from tests.knowledge.conftest import Vault

READER = BlockReader()


def document(text: str, path: str = "folder/some-note.md") -> Document:
    lines = text.split("\n")
    return Document(path, tuple(lines), size=len(text), mtime_ns=1, inode=1, hash=b"", seen_ns=1)


def note(text: str, path: str = "folder/some-note.md") -> Note:
    return make_note(document(text, path), READER)


@pytest.mark.parametrize(
    ("text", "path", "title"),
    [
        pytest.param("---\ntitle: From the head\n---\n# Heading", "a.md", "From the head", id="the front matter first"),
        pytest.param("intro\n\n## Two\n\n# The *real* one", "a.md", "The real one", id="then the first top heading"),
        pytest.param("Under\n=====\n", "a.md", "Under", id="however it is written"),
        pytest.param("```\n# code\n```\n", "x/how-to_start now.md", "how to start now", id="then the file name"),
        pytest.param("# \n\n# Second", "a.md", "Second", id="an empty heading is none"),
        pytest.param("", "---.md", "---.md", id="a name of nothing but marks"),
        pytest.param("---\ntitle: [a\n---\n# Heading", "a.md", "[a", id="a broken head gives what it can"),
    ],
)
def test_the_title_comes_from_the_best_place(text: str, path: str, title: str) -> None:
    assert note(text, path).title == title


def test_names_are_title_file_name_and_aliases_compared_without_case_and_accents() -> None:
    found = note("---\naliases: [Zürich Büro, Z]\n---\n# Das Café", "x/office_zh.md")
    assert found.aliases == ("Zürich Büro", "Z")
    assert found.names == ("das cafe", "office zh", "zurich buro", "z")


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see [[Kettle]]", [("kettle", "")]),
        ("see [[Kettle|the pot]]", [("kettle", "the pot")]),
        ("see [[Kettle#Use|the pot]] and [[Kettle#Use]]", [("kettle", "the pot"), ("kettle", "")]),
        ("see [[home/Kettle.md]]", [("kettle", "")]),
        ("see ![[Kettle]]", [("kettle", "")]),
        ("see [the kettle](home/the%20kettle.md)", [("the kettle", "")]),
        ("see [k](kettle.md#use) and [p](<pot.markdown>)", [("kettle", ""), ("pot", "")]),
        ('see [k](kettle.md "with a title")', [("kettle", "")]),
        ("see [[Café]] and [[CAFE]]", [("cafe", "")]),
        ("see [[ ]], [[]], [[#here]] and [web](https://example.org/)", []),
        ("code `[[Kettle]]` is no link", []),
        ("```\n[[Kettle]]\n```", []),
        ("    [[Kettle]]", []),
    ],
)
def test_links_to_notes_are_found_outside_code(text: str, links: list[tuple[str, str]]) -> None:
    assert list(note(text).links) == links


def test_links_are_counted_up_to_a_limit() -> None:
    assert len(note(" ".join(f"[[n{number}]]" for number in range(MAX_LINKS + 50))).links) == MAX_LINKS


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        pytest.param("---\ntags: [a, b]\n---\n#c and #a", ("a", "b", "c"), id="of both places, once"),
        pytest.param(
            "#home/kitchen #to-do #q3_2024 #über #猫", ("home/kitchen", "to-do", "q3_2024", "über", "猫"), id="shapes"
        ),
        pytest.param("# Heading\n\n##two ###three", (), id="headings and runs of hashes"),
        pytest.param("issue #12, colour x#fff, page.html#part, &#x20; [a](#part) (#part", (), id="other hashes"),
        pytest.param("`#code` and\n\n```\n#more\n```", (), id="code"),
        pytest.param(
            "- #item\n\n> #quoted\n\n| #cell |\n|---|\n| #row |", ("item", "quoted", "cell", "row"), id="all blocks"
        ),
    ],
)
def test_tags_come_from_the_head_and_from_prose(text: str, tags: tuple[str, ...]) -> None:
    assert note(text).tags == tags


@pytest.mark.parametrize(
    "text",
    ["- run\n\n  ```sh\n  #no [[No]]\n  ```", "> ```\n> #no [[No]]\n> ```", "1. x\n   ~~~\n   #no [[No]]\n   ~~~"],
)
def test_code_inside_a_list_or_quotation_is_code_as_well(text: str) -> None:
    assert (note(text).tags, note(text).links) == ((), ())


@pytest.mark.parametrize(
    ("text", "path", "date"),
    [
        ("---\ndate: 2024-03-12\n---", "journal/2020-01-01.md", "2024-03-12"),
        ("x", "journal/2020-01-01.md", "2020-01-01"),
        ("x", "20200101 meeting.md", "2020-01-01"),
        ("x", "notes.md", ""),
    ],
)
def test_the_date_comes_from_the_head_or_the_path(text: str, path: str, date: str) -> None:
    assert note(text, path).date == date


def test_a_passage_takes_the_newest_date_of_its_headings_before_that_of_the_note() -> None:
    filling = "text " * 300
    found = note(
        f"---\ndate: 2020-01-01\n---\n# Log\n\n{filling}\n\n# 2024-03-12\n\n{filling}\n\n# 13 March 2024\n\n{filling}"
    )
    assert [section.date for section in found.sections] == ["2020-01-01", "2024-03-12", "2024-03-13"]


def test_facts_in_the_head_are_a_passage_of_their_own_and_the_usual_keys_are_not() -> None:
    found = note("---\ntitle: T\nowner: Ada\n---\n# Body")
    assert [(section.start_line, section.end_line) for section in found.sections] == [(1, 4), (5, 5)]
    assert found.sections[0].text == "---\ntitle: T\nowner: Ada\n---"
    assert [section.start_line for section in note("---\ntitle: T\n---\n# Body").sections] == [4]


def test_passages_carry_their_breadcrumb_and_all_their_headings() -> None:
    (section,) = note("# Guide\n\n## A\n\nshort\n\n## B\n\nshort").sections
    assert (section.heading, section.headings) == ("Guide", "Guide A B")


def test_the_hash_of_a_passage_covers_all_it_is_found_by() -> None:
    def hashes(text: str) -> list[bytes]:
        return [section.hash for section in note(text).sections]

    base = hashes("---\ntitle: T\n---\n# A\n\ntext")
    assert hashes("---\ntitle: T\ndate: 2024-01-01\n---\n# A\n\ntext") == base
    for other in (
        "---\ntitle: U\n---\n# A\n\ntext",
        "---\ntitle: T\n---\n# A\n\ntexts",
        "---\ntitle: T\n---\n# B\n\ntext",
    ):
        assert hashes(other) != base


@pytest.mark.parametrize(
    "block", ["title: [a", "title: !!bool maybe", 'title: "\\uD800"', "title: 0x" + "f" * 5_000, "\t:"]
)
def test_a_broken_head_never_loses_the_note(block: str) -> None:
    found = note(f"---\n{block}\namalfa: private\n---\n# Kettle\n\nDescale it.")
    assert found.is_private
    assert "Descale it." in found.sections[-1].text
    assert all(text.encode() for text in (found.title, *found.names))


def test_a_problem_with_the_note_is_told_and_the_note_kept() -> None:
    assert "not valid YAML (line 2)" in note("---\na: b: c\n---\ntext").problem
    long = note("before\n" + "x" * (MAX_LINE_CHARACTERS + 1) + "\nafter")
    assert long.problem == f"line 2 has over {MAX_LINE_CHARACTERS} characters and was left out"
    assert [section.text for section in long.sections] == ["before", "after"]
    assert note("all is well").problem == ""


def test_an_overlong_heading_is_not_repeated_over_every_passage_below_it() -> None:
    found = note(f"# {'x' * 30_000}\n\n" + "\n\n".join(f"## {n}\n\n{'text ' * 300}" for n in range(3)))
    assert max(len(section.heading) for section in found.sections) < 1_000
    assert len(found.title) < 1_000


def test_a_note_of_more_passages_than_are_kept_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PASSAGES", 3)
    found = note("\n\n".join(f"# {number}\n\ntext" for number in range(5)))
    assert len(found.sections) == 3
    assert found.problem


def test_a_line_of_brackets_costs_no_more_than_it_is_long() -> None:
    began_s = time.thread_time()
    note("[[" * 4_000)
    assert time.thread_time() - began_s < 0.2


def test_privacy_is_read_from_the_text_as_it_is_now() -> None:
    assert is_private(["---", "amalfa: private", "---", "text"])
    assert is_private(["---", "amalfa: private", "x: [", "---"])
    assert not is_private(["---", "title: T", "---", "amalfa: private"])
    assert not is_private(["text about what is private"])
    assert not is_private([])


@pytest.mark.parametrize(
    "text",
    [
        "# One\n\ntext\n\n## Two\n\n- a\n- b",
        "---\nowner: Ada\n---\n\n# One\r\ntext\r\n\r\nmore",
        "a\x0cb\u2028c\x85d\n\n# 猫\n\ne\rf",
        "\ufeff# One\n\n\n\ntext   \n\t\n",
    ],
)
def test_the_text_of_a_passage_is_exactly_its_lines_of_the_file(vault: Vault, text: str) -> None:
    read = vault.document("a.md", text)
    lines = (vault.root / "a.md").read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    sections = make_note(read, READER).sections
    assert sections
    for section in sections:
        assert section.text == "\n".join(lines[section.start_line - 1 : section.end_line])


@given(st.text(alphabet="#-*>|`~=_ \n\r\t[]():!ab1.\\\"'&{}", max_size=300))
def test_any_text_makes_a_note_whose_passages_are_its_lines(text: str) -> None:
    found = note(text)
    covered: list[int] = []
    for section in found.sections:
        assert section.text == "\n".join(found.document.lines[section.start_line - 1 : section.end_line])
        covered.extend(range(section.start_line, section.end_line + 1))
    assert covered == sorted(set(covered))
    assert found.title
