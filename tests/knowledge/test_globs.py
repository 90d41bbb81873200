"""Patterns as people write them: what they cover, and that no text whatever breaks them."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amalfa.knowledge.globs import Matches, is_glob, matches_anywhere, matches_from_root


def test_no_patterns_match_nothing() -> None:
    for matches in (matches_anywhere([]), matches_from_root([])):
        assert not matches("a.md")
        assert not matches("")


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        pytest.param("a.md", "a.md", True, id="a name"),
        pytest.param("a.md", "axmd", False, id="a dot is a dot"),
        pytest.param("a.md", "A.md", False, id="case counts"),
        pytest.param("*.md", "a.md", True, id="a star"),
        pytest.param("*.md", ".md", True, id="a star may be nothing"),
        pytest.param("guide/*.md", "guide/a.md", True, id="a star in a folder"),
        pytest.param("guide/*.md", "guide/deep/a.md", False, id="a star stays in its segment"),
        pytest.param("guide/?.md", "guide/a.md", True, id="a question mark is one character"),
        pytest.param("guide/?.md", "guide/ab.md", False, id="and not two"),
        pytest.param("guide?a.md", "guide/a.md", False, id="nor a slash"),
        pytest.param("guide/**/a.md", "guide/a.md", True, id="two stars may be no folder"),
        pytest.param("guide/**/a.md", "guide/x/y/a.md", True, id="or several"),
        pytest.param("guide/**/a.md", "guide/xa.md", False, id="but never part of a name"),
        pytest.param("guide/**", "guide/x/y.md", True, id="two stars at the end"),
        pytest.param("**/a.md", "a.md", True, id="two stars in front"),
        pytest.param("guide", "guide/x/y.md", True, id="a folder covers what is below it"),
        pytest.param("guide/", "guide/x.md", True, id="with a slash at its end as well"),
        pytest.param("guide", "guides/x.md", False, id="but not a longer name"),
        pytest.param("./guide", "guide/x.md", True, id="a leading dot is the root"),
        pytest.param("/guide/a", "guide/a/x.md", True, id="a leading slash as well"),
        pytest.param(".", "any/thing.md", True, id="a dot is everything"),
        pytest.param("g/[ab].md", "g/a.md", True, id="a set of characters"),
        pytest.param("g/[ab].md", "g/c.md", False, id="holds only those"),
        pytest.param("g/[a-c].md", "g/b.md", True, id="a range"),
        pytest.param("g/[!ab].md", "g/c.md", True, id="an inverted set"),
        pytest.param("g/[!ab].md", "g/a.md", False, id="leaves its characters out"),
        pytest.param("g/[^ab].md", "g/a.md", False, id="a caret inverts too"),
        pytest.param("g/[]].md", "g/].md", True, id="a bracket first is meant"),
        pytest.param("g/[[].md", "g/[].md", False, id="an opening bracket in a set is one character"),
        pytest.param("g/[[].md", "g/[.md", True, id="namely itself"),
        pytest.param("g/a[1.md", "g/a[1.md", True, id="a bracket that is never closed is a bracket"),
        pytest.param("g/a+(b)|c$.md", "g/a+(b)|c$.md", True, id="signs of regular expressions mean themselves"),
        pytest.param("Über/日本*", "Über/日本語.md", True, id="any script"),
        pytest.param("g/a\nb.md", "g/a\nb.md", True, id="even a line end"),
        pytest.param("**a**/b**c", "abc/b", True, id="many stars find what the first way round does not"),
        pytest.param("caf\u00e9/*", "cafe\u0301/a.md", True, id="an accent of its own is the same letter"),
        pytest.param("cafe\u0301/*", "caf\u00e9/a.md", True, id="either way round"),
        pytest.param("guide[!x]a.md", "guide/a.md", False, id="an inverted set stays in its segment"),
        pytest.param("guide[.-9]a.md", "guide/a.md", False, id="and so does a range around the slash"),
    ],
)
def test_a_pattern_with_a_folder_covers_what_it_says(pattern: str, path: str, matches: bool) -> None:
    assert matches_from_root([pattern])(path) is matches
    if "/" in pattern.strip("/"):
        assert matches_anywhere([pattern])(path) is matches


def test_an_exclude_without_a_slash_names_a_file_or_folder_at_any_depth() -> None:
    matches = matches_anywhere(["node_modules", "*.tmp.md"])
    for path in ("node_modules/a.md", "x/node_modules/y/a.md", "a.tmp.md", "x/y/a.tmp.md", "x.tmp.md/a.md"):
        assert matches(path), path
    for path in ("node_modules2/a.md", "x/my_node_modules/a.md", "a.md", "node/modules/a.md"):
        assert not matches(path), path


def test_an_exclude_with_a_slash_counts_from_the_root() -> None:
    matches = matches_anywhere(["drafts/old", "*/private"])
    assert matches("drafts/old/a.md")
    assert matches("x/private/a.md")
    assert not matches("x/drafts/old/a.md")
    assert not matches("private/a.md")


def test_a_plain_name_counts_from_the_root_where_a_star_is_free() -> None:
    matches = matches_from_root(["guide", "*.txt"])
    assert matches("guide/a.md")
    assert not matches("x/guide/a.md")
    assert matches("x/y/a.txt")


def test_one_of_several_patterns_is_enough() -> None:
    matches = matches_from_root(["a.md", "b/*.md"])
    assert [path for path in ("a.md", "b/x.md", "c.md", "a.md|b") if matches(path)] == ["a.md", "b/x.md"]


def test_only_wildcards_make_a_glob() -> None:
    assert [text for text in ("a.md", "a*", "a?", "a[b", "**", "{a,b}", "!a", "") if is_glob(text)] == [
        "a*", "a?", "a[b", "**",
    ]  # fmt: skip


@given(st.text(alphabet="[]!^*?/-ab.\\&|~{}() \n", max_size=12), st.text(alphabet="ab/.[]!-", max_size=8))
@example("[!]", "a")
@example("[^]", "a")
@example("[z-a]", "m")
@example("[a--]", "a")
@example("[a&&b]", "a")
@example("[a||b]", "a")
@example("[~~a]", "a")
def test_any_text_is_a_pattern(pattern: str, path: str) -> None:
    for make in (matches_anywhere, matches_from_root):
        assert make([pattern])(path) in (True, False)


@given(st.text(alphabet="ab.-+(|$é猫", min_size=1, max_size=8).filter(lambda name: name != "."))
def test_a_text_without_wildcards_matches_itself_and_what_is_below_it(name: str) -> None:
    for matches in (matches_anywhere([name]), matches_from_root([name])):
        assert matches(name)
        assert matches(f"{name}/below.md")
        assert not matches(f"{name}x")


@given(st.text(alphabet="a*?/", max_size=10), st.text(alphabet="ab/", max_size=10))
def test_stars_and_question_marks_do_what_their_definition_says(pattern: str, path: str) -> None:
    matches: Matches = matches_anywhere([f"root/{pattern}end"])
    assert matches(f"root/{path}end") is bool(_by_definition(f"root/{pattern}end").fullmatch(f"root/{path}end"))


def test_many_stars_cost_no_more_than_the_path_is_long() -> None:
    matches = matches_from_root(["*a" * 6 + "b"])
    began_s = time.thread_time()
    assert not matches("a" * 60)
    assert time.thread_time() - began_s < 0.1


def _by_definition(pattern: str) -> re.Pattern[str]:
    pieces = re.findall(r"\*\*/|\*\*|[\s\S]", pattern)
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meanings.get(piece, re.escape(piece)) for piece in pieces) + "(?:/.*)?")
