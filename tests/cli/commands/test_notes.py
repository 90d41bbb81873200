import pytest

from tests.cli.conftest import Shell
from tests.cli.fake_sonar import FOUND, INDEX, FakeSonar


def test_passages_are_one_line_each_in_a_pipe(shell: Shell, sonar: FakeSonar) -> None:
    done = shell.call("search", "rotate keys")
    assert (done.code, done.out, done.err) == (0, "docs/keys.md:3-5  Keys > Rotation\n", "")
    assert sonar.last_body == {"query": "rotate keys"}


def test_search_in_json_is_a_list(shell: Shell, sonar: FakeSonar) -> None:
    assert shell.call("search", "--json", "x", "-n", "3", "--in", "docs").json["data"] == [FOUND]
    assert sonar.last_body == {"query": "x", "k": 3, "within": ["docs"]}


def test_nothing_found_is_exit_4_and_an_empty_list(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/search"] = {"passages": []}
    done = shell.call("search", "moon")
    assert (done.code, done.out) == (4, "")
    assert "No note matches 'moon'" in done.err
    in_json = shell.call("search", "--json", "moon")
    assert (in_json.code, in_json.json) == (4, {"ok": True, "schema": 1, "data": []})


def test_an_empty_query_is_a_usage_error(shell: Shell) -> None:
    assert shell.call("search", " ").code == 2


@pytest.mark.parametrize("verb", ["status", "rebuild"])
def test_the_index_is_told_with_what_was_skipped_and_why(shell: Shell, sonar: FakeSonar, verb: str) -> None:
    done = shell.call("index", verb)
    assert done.code == 0
    assert done.out.split("\n")[:5] == [
        "42 notes, 310 passages, updated 2026-01-02T03:04:06Z.",
        "1 note is newer than the index.",
        "30 notes are described, 2 have a description of an earlier text.",
        "Skipped 1 file:",
        "  big.md: larger than 2 MiB",
    ]
    assert shell.call("index", verb, "--json").json["data"] == INDEX


def test_a_file_name_that_plays_tricks_is_shown_on_its_line(shell: Shell, sonar: FakeSonar) -> None:
    trick = {"path": "a\x1b[2K\nb.md", "start_line": 1, "end_line": 1, "heading": "h\nx"}
    sonar.script.replies["/sonar/search"] = {"passages": [trick]}
    sonar.script.replies["/sonar/index"] = INDEX | {"skipped": [{"path": "a\nb", "reason": "c\x07"}]}
    assert shell.call("search", "x").out == "a\\x1b[2K\\x0ab.md:1-1  h\\x0ax\n"
    assert "  a\\x0ab: c\\x07\n" in shell.call("index", "status").out
