"""What is no note is named with its reason, and never keeps the notes beside it out."""

import os
from pathlib import Path

import pytest

from amalfa.knowledge.index import Index
from tests.knowledge.conftest import Vault, found_in, note_paths

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0binary", "it is binary, or text in another encoding than UTF-8"),
        (b"caf\xe9", "it is not valid UTF-8 (byte 3)"),
    ],
)
@pytest.mark.parametrize("is_told_the_path", [True, False])
async def test_a_file_that_turns_out_to_be_no_text_is_named_in_the_status(
    vault: Vault, index: Index, data: bytes, reason: str, is_told_the_path: bool
) -> None:
    vault.write("good.md", "x")
    vault.write("odd.md", data)
    refreshed = await index.refresh(["good.md", "odd.md"] if is_told_the_path else None)
    assert (refreshed.added, refreshed.skipped) == (1, 1)
    assert [(entry.path, entry.reason) for entry in (await index.status()).skipped] == [("odd.md", reason)]
    vault.write("odd.md", "text at last")
    await index.refresh(["odd.md"] if is_told_the_path else None)
    assert (await index.status()).skipped == ()


@pytest.mark.parametrize("is_told_the_path", [True, False])
async def test_a_note_with_a_broken_head_is_found_and_its_problem_named(
    vault: Vault, index: Index, is_told_the_path: bool
) -> None:
    vault.write("a.md", "---\ntitle: a: b\n---\nkettle")
    await index.refresh(["a.md"] if is_told_the_path else None)
    await index.refresh()
    assert await found_in(index, "kettle") == ["a.md"]
    ((path, reason),) = [(entry.path, entry.reason) for entry in (await index.status()).skipped]
    assert (path, reason) == ("a.md", "its front matter is not valid YAML (line 2)")


async def test_what_the_scan_leaves_out_is_named_in_the_status(vault: Vault, index: Index, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("x")
    (vault.root / "link.md").symlink_to(tmp_path / "secret.md")
    os.truncate(vault.write("huge.md", ""), 3 * 1024**3)
    assert (await index.refresh()).skipped == 2
    assert {entry.path for entry in (await index.status()).skipped} == {"link.md", "huge.md"}
    (vault.root / "link.md").unlink()
    await index.refresh()
    assert {entry.path for entry in (await index.status()).skipped} == {"huge.md"}


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param('---\ntitle: "\\uD800"\n---\n', id="half a character in a title"),
        pytest.param('---\ntags: ["\\uD800"]\n---\n', id="half a character in a tag"),
        pytest.param("---\nx: !!bool maybe\n---\n", id="a truth value that is none"),
        pytest.param("---\ntitle: 0x" + "f" * 5_000 + "\n---\n", id="a number of thousands of digits"),
    ],
)
async def test_one_odd_note_never_keeps_the_others_out(vault: Vault, index: Index, trouble: str) -> None:
    vault.write("a.md", f"{trouble}kettle")
    vault.write("b.md", "kettle")
    await index.refresh()
    assert await found_in(index, "kettle") == ["a.md", "b.md"]


@pytest.mark.parametrize("name", [b"\xff.md", b"loop.md"])
async def test_one_odd_name_never_keeps_the_notes_out(vault: Vault, index: Index, name: bytes) -> None:
    vault.write("a.md", "kettle")
    odd = vault.root / os.fsdecode(name)
    odd.symlink_to("/etc/passwd" if name != b"loop.md" else "loop.md")
    await index.refresh()
    assert await found_in(index, "kettle") == ["a.md"]


async def test_a_path_that_is_no_text_is_told_without_harm(vault: Vault, index: Index) -> None:
    vault.write("a.md", "x")
    await index.refresh(["\udcff.md", "a.md"])
    assert await note_paths(index) == ["a.md"]
