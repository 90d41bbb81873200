"""What may be read as a note: regular text files of sane size below the allowed folders, whatever a path claims."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typing_extensions import override

from amalfa.knowledge.files import MAX_BYTES, NoteFiles, Unreadable
from tests.knowledge.conftest import Vault

SECRET = "the vault code is 4711"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file beside the notes folder that no path may lead to."""
    path = tmp_path / "secret.md"
    path.write_text(SECRET)
    return path


def refusal(vault: Vault, path: str) -> str:
    with pytest.raises(Unreadable) as caught:
        NoteFiles(vault.root).read(path)
    return caught.value.reason


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param("../secret.md", "outside", id="a parent"),
        pytest.param("folder/../../secret.md", "outside", id="a parent behind a folder"),
        pytest.param("../notes-too/secret.md", "outside", id="a sibling whose name begins like the root"),
        pytest.param("/etc/passwd", "outside", id="an absolute path"),
        pytest.param("../../../../../../../../../../etc/passwd", "outside", id="many parents"),
        pytest.param("/proc/self/environ", "outside", id="the environment of this process"),
        pytest.param("%2e%2e/secret.md", "does not exist", id="an escaped parent is a name like any other"),
        pytest.param("..\\secret.md", "does not exist", id="a backslash separates nothing"),
        pytest.param("a.md\0.txt", "not a path", id="a NUL"),
        pytest.param("", "not a path", id="nothing"),
        pytest.param("gone.md", "does not exist", id="a missing file"),
        pytest.param("folder", "not a regular file", id="a folder"),
        pytest.param(".", "not a regular file", id="the root itself"),
        pytest.param("folder/inner.md/more.md", "cannot be opened", id="a file used as a folder"),
        pytest.param("n" * 300 + ".md", "cannot be opened", id="a name too long for the file system"),
        pytest.param("\udcff.md", "does not exist", id="a byte that is no text"),
        pytest.param("\ud800.md", "", id="half a character"),
    ],
)
def test_a_path_that_is_no_note_is_refused_with_its_reason(vault: Vault, outside: Path, path: str, reason: str) -> None:
    vault.write("folder/inner.md", "in")
    (vault.root.parent / "notes-too").mkdir()
    (vault.root.parent / "notes-too" / "secret.md").write_text(SECRET)
    found = refusal(vault, path)
    assert reason in found
    assert NoteFiles(vault.root).lines(path) is None


def test_a_link_out_of_the_root_is_refused_at_any_depth(vault: Vault, outside: Path) -> None:
    (vault.root / "file.md").symlink_to(outside)
    (vault.root / "relative.md").symlink_to("../secret.md")
    (vault.root / "folder").symlink_to(outside.parent)
    (vault.root / "chain.md").symlink_to("file.md")
    for path in ("file.md", "relative.md", "folder/secret.md", "chain.md"):
        assert refusal(vault, path) == "it lies outside the allowed folders"


def test_a_link_inside_the_root_is_followed(vault: Vault) -> None:
    vault.write("real/note.md", "hello")
    (vault.root / "link.md").symlink_to("real/note.md")
    (vault.root / "folder").symlink_to("real")
    files = NoteFiles(vault.root)
    assert files.read("link.md").lines == files.read("folder/note.md").lines == ("hello",)


def test_a_root_reached_by_a_link_is_itself_no_escape(vault: Vault, tmp_path: Path) -> None:
    vault.write("a.md", "hello")
    (tmp_path / "shortcut").symlink_to(vault.root)
    assert NoteFiles(tmp_path / "shortcut").read("a.md").lines == ("hello",)


def test_a_link_to_itself_is_refused(vault: Vault) -> None:
    (vault.root / "loop.md").symlink_to("loop.md")
    assert "cannot be opened" in refusal(vault, "loop.md")


def test_a_trusted_folder_outside_the_root_is_readable_and_nothing_beside_it(vault: Vault, tmp_path: Path) -> None:
    for name in ("shared", "shared-not"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.md").write_text("hello")
    files = NoteFiles(vault.root, [tmp_path / "shared"])
    assert files.read("../shared/a.md").lines == ("hello",)
    assert files.lines("../shared-not/a.md") is None


def test_a_hard_link_is_refused_under_both_of_its_names(vault: Vault, outside: Path) -> None:
    (vault.root / "a.md").hardlink_to(outside)
    assert "hard link" in refusal(vault, "a.md")
    vault.write("one.md", "x")
    (vault.root / "two.md").hardlink_to(vault.root / "one.md")
    assert "hard link" in refusal(vault, "one.md")


def test_a_pipe_is_refused_at_once_although_nobody_writes(vault: Vault) -> None:
    os.mkfifo(vault.root / "pipe.md")
    reasons: list[str] = []
    reading = threading.Thread(target=lambda: reasons.append(refusal(vault, "pipe.md")), daemon=True)
    reading.start()
    reading.join(timeout=5)
    assert reasons == ["it is not a regular file"]


def test_a_device_is_refused_even_where_its_folder_is_trusted(vault: Vault) -> None:
    files = NoteFiles(vault.root, [Path("/dev")])
    with pytest.raises(Unreadable, match="not a regular file"):
        files.read("/dev/zero")


class SwappingFiles(NoteFiles):
    """Something swaps the file right after its path was found to be fine."""

    def __init__(self, root: Path, swap: Callable[[], None]) -> None:
        super().__init__(root)
        self._swap = swap

    @override
    def allowed_base(self, real: str) -> str | None:
        base = super().allowed_base(real)
        self._swap()
        return base


def test_a_file_swapped_for_a_link_between_check_and_opening_is_refused(vault: Vault, outside: Path) -> None:
    note = vault.write("a.md", "mine")

    def swap() -> None:
        note.unlink()
        note.symlink_to(outside)

    with pytest.raises(Unreadable, match="cannot be opened"):
        SwappingFiles(vault.root, swap).read("a.md")


def test_a_folder_swapped_for_a_link_between_check_and_opening_is_refused(vault: Vault, outside: Path) -> None:
    vault.write("folder/secret.md", "mine")

    def swap() -> None:
        (vault.root / "folder").rename(vault.root / "was")
        (vault.root / "folder").symlink_to(outside.parent)

    with pytest.raises(Unreadable, match="cannot be opened"):
        SwappingFiles(vault.root, swap).read("folder/secret.md")


def test_a_file_swapped_for_a_pipe_between_check_and_opening_is_refused(vault: Vault) -> None:
    note = vault.write("a.md", "mine")

    def swap() -> None:
        note.unlink()
        os.mkfifo(note)

    with pytest.raises(Unreadable, match="not a regular file"):
        SwappingFiles(vault.root, swap).read("a.md")


def test_a_link_swapped_for_a_file_while_it_is_followed_is_at_worst_unreadable(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.write("target.md", "mine")
    note = vault.root / "a.md"
    note.symlink_to("target.md")
    readlink = os.readlink

    def swapped_first(path: str) -> str:
        note.unlink()
        note.write_text("mine")
        return readlink(path)

    monkeypatch.setattr(os, "readlink", swapped_first)
    assert NoteFiles(vault.root).lines("a.md") in (None, ("mine",))


def test_a_thousand_reads_during_swaps_never_show_what_lies_outside(vault: Vault, outside: Path) -> None:
    note, spare = vault.write("a.md", "mine"), vault.root / "spare.md"
    is_over = threading.Event()

    def keep_swapping() -> None:
        while not is_over.is_set():
            spare.symlink_to(outside)
            spare.replace(note)
            spare.write_text("mine")
            spare.replace(note)

    swapper = threading.Thread(target=keep_swapping, daemon=True)
    swapper.start()
    files = NoteFiles(vault.root)
    try:
        seen = {files.lines("a.md") for _ in range(1_000)}
    finally:
        is_over.set()
        swapper.join(timeout=5)
    assert seen <= {None, ("mine",)}


def test_two_mebibytes_are_read_and_one_byte_more_is_not(vault: Vault) -> None:
    vault.write("full.md", b"x" * MAX_BYTES)
    vault.write("over.md", b"x" * (MAX_BYTES + 1))
    assert NoteFiles(vault.root).read("full.md").size == MAX_BYTES == 2 * 1024 * 1024
    assert "larger than 2 MiB" in refusal(vault, "over.md")


def test_a_sparse_file_of_many_gigabytes_is_refused_without_reading_it(vault: Vault) -> None:
    os.truncate(vault.write("huge.md", ""), 50 * 1024**3)
    assert refusal(vault, "huge.md") == f"it is larger than 2 MiB ({50 * 1024**3} bytes)"


def test_a_file_that_grows_while_it_is_read_is_left_at_the_cap(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    note = vault.write("grows.md", b"x" * (MAX_BYTES // 2))
    read = os.read
    pieces: list[int] = []

    def read_from_a_growing_file(handle: int, size: int) -> bytes:
        pieces.append(size)
        if len(pieces) < 5:
            with note.open("ab") as file:
                file.write(b"x" * (MAX_BYTES // 2))
        return read(handle, size)

    monkeypatch.setattr("amalfa.knowledge.files.os.read", read_from_a_growing_file)
    assert "larger than 2 MiB" in refusal(vault, "grows.md")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"text\0text", "binary", id="a NUL"),
        pytest.param("hello".encode("utf-16"), "binary", id="UTF-16"),
        pytest.param(b"PK\x03\x04\x14\0\0\0", "binary", id="a zip is not unpacked"),
        pytest.param(b"caf\xe9", "not valid UTF-8 (byte 3)", id="Latin-1"),
        pytest.param(b"ok \xed\xa0\x80", "not valid UTF-8 (byte 3)", id="half a character"),
        pytest.param(b"cut \xf0\x9f\x98", "not valid UTF-8 (byte 4)", id="an emoji cut short"),
    ],
)
def test_what_is_no_text_is_refused_with_its_reason(vault: Vault, data: bytes, reason: str) -> None:
    vault.write("a.md", data)
    assert reason in refusal(vault, "a.md")


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        pytest.param("", (), id="an empty file has no lines"),
        pytest.param("\n", ("",), id="a line end ends a line"),
        pytest.param("a\nb", ("a", "b"), id="the last line may lack its end"),
        pytest.param("a\nb\n", ("a", "b"), id="or have it"),
        pytest.param("a\r\nb\r\n", ("a", "b"), id="Windows"),
        pytest.param("\ufeffa\n", ("a",), id="a byte order mark is no text"),
        pytest.param("a\rb\n", ("a\rb",), id="a lone carriage return ends no line"),
        pytest.param(
            "a\x0cb\x0bc\u2028d\x85e\n", ("a\x0cb\x0bc\u2028d\x85e",), id="nor does what Python takes for one"
        ),
        pytest.param("猫 é 👩‍🚀\n", ("猫 é 👩‍🚀",), id="any script"),
    ],
)
def test_lines_are_what_an_editor_numbers(vault: Vault, data: str, lines: tuple[str, ...]) -> None:
    vault.write("a.md", data.encode())
    assert NoteFiles(vault.root).read("a.md").lines == lines


def test_a_document_carries_what_tells_a_later_change(vault: Vault) -> None:
    note = vault.write("a.md", "one\n")
    files = NoteFiles(vault.root)
    first = files.read("a.md")
    found = note.stat()
    assert (first.path, first.size, first.mtime_ns, first.inode) == ("a.md", 4, found.st_mtime_ns, found.st_ino)
    again = files.read("a.md")
    assert again.hash == first.hash
    assert again.seen_ns > first.seen_ns
    vault.write("a.md", "two\n")
    assert files.read("a.md").hash != first.hash


def test_the_directory_is_asked_about_a_file_without_opening_it(vault: Vault) -> None:
    os.mkfifo(vault.root / "pipe.md")
    files = NoteFiles(vault.root)
    assert files.stat("pipe.md") is not None
    assert files.stat("gone.md") is None
    assert files.stat("a\0b") is None


def test_no_file_stays_open_whatever_became_of_the_reading(vault: Vault) -> None:
    vault.write("ok.md", "x")
    vault.write("binary.md", b"\0")
    vault.write("folder/a.md", "x")
    files = NoteFiles(vault.root)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("ok.md", "binary.md", "folder/a.md", "gone/a.md", "ok.md/a.md", "folder") * 5:
        files.lines(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
