"""Which files count as notes, and what is said of those that were meant but are not taken."""

import os
from pathlib import Path

import pytest

from amalfa.knowledge import sources as module
from amalfa.knowledge.files import MAX_BYTES
from amalfa.knowledge.sources import Found, NoteNames, Skipped, Sources, is_note_path, scan, watched_folders
from tests.knowledge.conftest import Vault


def found(sources: Sources) -> list[str]:
    return [entry.path for entry in scan(sources) if isinstance(entry, Found)]


def skipped(sources: Sources) -> dict[str, str]:
    return {entry.path: entry.reason for entry in scan(sources) if isinstance(entry, Skipped)}


def test_all_notes_below_the_root_come_in_a_fixed_order(vault: Vault) -> None:
    for path in ("b.md", "a/z.markdown", "a/B.MD", "a/b/c.mdx", "c.mkd", "d.mdown"):
        vault.write(path, "x")
    for path in ("a.txt", "md", "image.png", "script.py", "a.md.bak", "a.md~"):
        vault.write(path, "x")
    assert found(Sources(vault.root)) == ["a/B.MD", "a/b/c.mdx", "a/z.markdown", "b.md", "c.mkd", "d.mdown"]


def test_what_the_directory_says_comes_along(vault: Vault) -> None:
    note = vault.write("a.md", "hello")
    stat = note.stat()
    assert list(scan(Sources(vault.root))) == [Found("a.md", 5, stat.st_mtime_ns, stat.st_ino)]


def test_no_file_is_opened(vault: Vault) -> None:
    vault.write("a.md", "hello")
    os.mkfifo(vault.root / "pipe.md")  # opening it would wait for ever
    assert found(Sources(vault.root)) == ["a.md"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        pytest.param((".",), ["a.md", "guide/deep/c.md", "guide/g.md", "notes/n.md"], id="the root"),
        pytest.param(("guide",), ["guide/deep/c.md", "guide/g.md"], id="a folder"),
        pytest.param(("guide/",), ["guide/deep/c.md", "guide/g.md"], id="a folder with a slash"),
        pytest.param(("./guide",), ["guide/deep/c.md", "guide/g.md"], id="a folder with a dot"),
        pytest.param(("notes/../guide/deep",), ["guide/deep/c.md"], id="a folder in a roundabout way"),
        pytest.param(("guide/g.md",), ["guide/g.md"], id="a file"),
        pytest.param(("guide/t.txt",), ["guide/t.txt"], id="a file that is named is a note whatever its ending"),
        pytest.param(("guide/*.md",), ["guide/g.md"], id="a glob in a folder"),
        pytest.param(("**/*.txt",), ["guide/t.txt"], id="a glob that names an ending"),
        pytest.param(("guide/**",), ["guide/deep/c.md", "guide/g.md"], id="a glob that does not"),
        pytest.param(("g*/deep",), ["guide/deep/c.md"], id="a glob for a folder"),
        pytest.param(("notes", "a.md"), ["notes/n.md", "a.md"], id="several in their order"),
        pytest.param(("guide", "guide/g.md", "."), ["guide/deep/c.md", "guide/g.md", "a.md", "notes/n.md"], id="once"),
        pytest.param((".hidden",), [".hidden/h.md"], id="a hidden folder that is spelled"),
        pytest.param((".hidden/h.md",), [".hidden/h.md"], id="a hidden file that is spelled"),
    ],
)
def test_a_pattern_means_what_it_says(vault: Vault, patterns: tuple[str, ...], expected: list[str]) -> None:
    for path in ("a.md", "guide/g.md", "guide/t.txt", "guide/deep/c.md", "notes/n.md", ".hidden/h.md", ".dot.md"):
        vault.write(path, "x")
    sources = Sources(vault.root, patterns)
    assert found(sources) == expected
    everything = [str(path.relative_to(vault.root)) for path in vault.root.rglob("*") if path.is_file()]
    assert sorted(path for path in everything if is_note_path(sources, path)) == sorted(expected)


def test_excludes_leave_out_at_any_depth_without_a_word(vault: Vault) -> None:
    for path in ("a.md", "node_modules/n.md", "x/node_modules/y/n.md", "drafts/d.md", "x/drafts/d.md", "a.tmp.md"):
        vault.write(path, "x")
    sources = Sources(vault.root, excludes=("node_modules", "/drafts", "*.tmp.md", "x/drafts"))
    assert list(map(type, scan(sources))) == [Found]
    assert found(sources) == ["a.md"]
    assert not is_note_path(sources, "x/node_modules/y/n.md")
    assert is_note_path(sources, "a.md")


def test_the_default_excludes_cover_what_no_one_calls_notes(vault: Vault) -> None:
    for path in (".git/a.md", "node_modules/b.md", ".venv/lib/c.md", "deep/node_modules/d.md"):
        vault.write(path, "x")
    assert list(scan(Sources(vault.root))) == []


@pytest.mark.parametrize("pattern", ["..", "../other", "../other/*.md", "/etc", "notes/../../other", "link"])
def test_a_source_outside_the_root_is_named_and_not_listed(vault: Vault, tmp_path: Path, pattern: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "o.md").write_text("x")
    (vault.root / "link").symlink_to(tmp_path / "other")
    vault.write("notes/n.md", "x")
    sources = Sources(vault.root, (pattern,))
    assert found(sources) == []
    assert skipped(sources) == {pattern: "it lies outside the allowed folders"}
    assert watched_folders(sources) == ()


def test_a_trusted_source_outside_the_root_is_listed(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "o.md").write_text("x")
    sources = Sources(vault.root, ("../other",), also_allowed=(tmp_path / "other",))
    assert found(sources) == ["../other/o.md"]
    assert is_note_path(sources, "../other/o.md")
    assert watched_folders(sources) == (tmp_path / "other",)


def test_a_trusted_source_has_one_name_however_it_is_configured(vault: Vault, tmp_path: Path) -> None:
    """The watch hears of real places and names them from the root; a note under another name would be a second one."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "o.md").write_text("x")
    sources = Sources(vault.root, (str(tmp_path / "other"),), also_allowed=(tmp_path / "other",))
    assert found(sources) == ["../other/o.md"]
    assert is_note_path(sources, "../other/o.md")


def test_a_source_that_is_not_there_is_named(vault: Vault) -> None:
    assert skipped(Sources(vault.root, ("gone", "gone/*.md"))) == {
        "gone": "it does not exist",
        "gone/*.md": "it does not exist",
    }


def test_links_out_of_the_root_are_named_and_those_inside_are_followed(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("x")
    (tmp_path / "picture.png").write_text("x")
    vault.write("real/note.md", "x")
    (vault.root / "inner.md").symlink_to("real/note.md")
    (vault.root / "outer.md").symlink_to(tmp_path / "secret.md")
    (vault.root / "outer.png").symlink_to(tmp_path / "picture.png")
    (vault.root / "folder").symlink_to(tmp_path)
    sources = Sources(vault.root)
    assert found(sources) == ["real/note.md"]  # its one name, whichever link leads there
    reason = "it is a link that leads outside the allowed folders"
    assert skipped(sources) == {"outer.md": reason, "folder": reason}


def test_a_link_to_a_note_that_no_source_covers_names_it(vault: Vault) -> None:
    vault.write("attic/note.md", "x")
    vault.write("guide/g.md", "x")
    (vault.root / "guide" / "link.md").symlink_to("../attic/note.md")
    sources = Sources(vault.root, ("guide",))
    assert found(sources) == ["guide/g.md", "guide/link.md"]
    assert is_note_path(sources, "guide/link.md")
    assert not is_note_path(sources, "attic/note.md")


def test_a_link_brings_in_nothing_that_is_excluded_where_it_lies(vault: Vault) -> None:
    vault.write("drafts/d.md", "x")
    (vault.root / "a.md").symlink_to("drafts/d.md")
    (vault.root / "folder").symlink_to("drafts")
    sources = Sources(vault.root, excludes=("drafts",))
    assert found(sources) == []
    assert not any(is_note_path(sources, path) for path in ("a.md", "folder/d.md", "drafts/d.md"))


def test_folders_that_all_link_to_one_another_are_walked_once_each(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every way through seven such folders is one of thousands."""
    names = [f"f{number}" for number in range(7)]
    for name in names:
        vault.write(f"{name}/note.md", "x")
        for other in names:
            (vault.root / name / f"to-{other}").symlink_to(f"../{other}")
    monkeypatch.setattr(module, "MAX_ENTRIES", 500)
    assert skipped(Sources(vault.root)) == {}
    assert found(Sources(vault.root)) == [f"{name}/note.md" for name in names]


def test_a_glob_below_a_link_means_the_folder_it_leads_to(vault: Vault) -> None:
    vault.write("real[1]/note.md", "x")
    vault.write("real1/other.md", "x")
    (vault.root / "link").symlink_to("real[1]")
    assert found(Sources(vault.root, ("link/*.md",))) == ["real[1]/note.md"]


def test_several_links_to_one_folder_list_its_notes_once(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "s.md").write_text("x")
    for name in ("one", "two"):
        (vault.root / name).symlink_to(tmp_path / "shared")
    assert found(Sources(vault.root, also_allowed=(tmp_path / "shared",))) == ["one/s.md"]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("guide/g.md", "guide/g.md"),
        ("./guide//g.md", "guide/g.md"),
        ("guide/../guide/g.md", "guide/g.md"),
        ("{root}/guide/g.md", "guide/g.md"),
        ("link.md", "guide/g.md"),
        ("folder/g.md", "guide/g.md"),
        ("guide/not-yet.md", "guide/not-yet.md"),
        ("guide/g.txt", None),
        ("../secret.md", None),
        ("/etc/passwd", None),
        ("drafts/d.md", None),
        ("", None),
        ("a\0b.md", None),
        ("\ud800.md", None),
        ("guide/\udcff.md", None),
    ],
)
def test_every_spelling_of_a_path_means_the_one_name_of_its_note(vault: Vault, spelling: str, name: str | None) -> None:
    vault.write("guide/g.md", "x")
    (vault.root / "link.md").symlink_to("guide/g.md")
    (vault.root / "folder").symlink_to("guide")
    names = NoteNames(Sources(vault.root, excludes=("drafts",)))
    assert names.of(spelling.replace("{root}", str(vault.root))) == name


def test_a_folder_that_links_back_to_its_parent_ends(vault: Vault) -> None:
    vault.write("a/b/note.md", "x")
    (vault.root / "a" / "b" / "up").symlink_to("../..")
    (vault.root / "a" / "b" / "here").symlink_to(".")
    assert found(Sources(vault.root)) == ["a/b/note.md"]


@pytest.mark.parametrize("name", ["loop", "loop.md"])
def test_a_link_to_itself_harms_nothing(vault: Vault, name: str) -> None:
    vault.write("a.md", "x")
    (vault.root / name).symlink_to(name)
    assert found(Sources(vault.root)) == ["a.md"]


def test_a_link_to_nothing_is_named(vault: Vault) -> None:
    (vault.root / "broken.md").symlink_to("gone.md")
    assert "cannot be read" in skipped(Sources(vault.root))["broken.md"]


def test_what_is_no_regular_note_is_named_with_its_reason(vault: Vault) -> None:
    os.mkfifo(vault.root / "pipe.md")
    vault.write("one.md", "x")
    (vault.root / "two.md").hardlink_to(vault.root / "one.md")
    os.truncate(vault.write("huge.md", ""), 10 * 1024**3)
    vault.write("full.md", b"x" * MAX_BYTES)
    sources = Sources(vault.root)
    assert found(sources) == ["full.md"]
    reasons = skipped(sources)
    assert reasons["pipe.md"] == "it is not a regular file"
    assert "hard link" in reasons["one.md"]
    assert "hard link" in reasons["two.md"]
    assert "larger than 2 MiB" in reasons["huge.md"]


@pytest.mark.parametrize("kind", ["file", "link outside", "link to nothing", "file in a folder"])
def test_a_name_that_is_no_text_can_be_shown_and_stored(vault: Vault, tmp_path: Path, kind: str) -> None:
    odd = vault.root / os.fsdecode(b"\xff.md")
    match kind:
        case "file":
            odd.write_text("x")
        case "link outside":
            odd.symlink_to(tmp_path / "secret.md")
        case "link to nothing":
            odd.symlink_to("gone.md")
        case "file in a folder":
            odd.mkdir()
            (odd / "a.md").write_text("x")
    for entry in scan(Sources(vault.root)):
        assert isinstance(entry, Skipped)
        assert entry.path.encode()
        assert entry.reason.encode()


def test_more_notes_than_the_cap_are_left_out_and_that_is_said_once(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        vault.write(f"{number % 3}/{number}.md", "x")
    monkeypatch.setattr(module, "MAX_NOTES", 5)
    sources = Sources(vault.root)
    assert len(found(sources)) == 5
    assert [reason for reason in skipped(sources).values() if "more than 5 notes" in reason] == list(
        skipped(sources).values()
    )
    assert len([entry for entry in scan(sources) if isinstance(entry, Skipped)]) == 1


def test_a_folder_of_a_million_other_files_does_not_hold_up_the_scan(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        vault.write(f"data/{number}.csv", "x")
    vault.write("z.md", "x")
    monkeypatch.setattr(module, "MAX_ENTRIES", 5)
    assert [entry.path for entry in scan(Sources(vault.root))] == ["."]


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("./private/a.md", id="a leading dot"),
        pytest.param("private//a.md", id="a doubled slash"),
        pytest.param("private/./a.md", id="a dot between"),
        pytest.param("private/../private/a.md", id="a detour"),
        pytest.param("../notes/private/a.md", id="by way of the parent"),
        pytest.param("private/a.md/", id="a trailing slash"),
        pytest.param("{root}/private/a.md", id="an absolute path"),
        pytest.param("", id="nothing"),
        pytest.param("private/.a.md", id="a hidden file"),
        pytest.param(".obsidian/a.md", id="a file in a hidden folder"),
        pytest.param("private/a.txt", id="another ending"),
    ],
)
def test_a_note_has_one_spelling_so_that_no_rule_about_paths_is_walked_around(vault: Vault, spelling: str) -> None:
    vault.write("private/a.md", "x")
    sources = Sources(vault.root)
    assert is_note_path(sources, "private/a.md")
    assert not is_note_path(sources, spelling.replace("{root}", str(vault.root)))


def test_the_watched_folders_hold_all_notes_and_none_lies_in_another(vault: Vault) -> None:
    for path in ("guide/deep/c.md", "notes/n.md", "one/o.md"):
        vault.write(path, "x")
    patterns = ("guide", "guide/deep/*.md", "notes/n.md", "one/*.md", "gone")
    root = vault.root
    assert watched_folders(Sources(root, ("guide", "guide/deep/*.md", "notes/n.md"))) == (
        root / "guide",
        root / "notes",
    )
    # What does not exist yet would appear in the folder above it, which then holds all the others.
    assert watched_folders(Sources(root, patterns)) == (root,)
