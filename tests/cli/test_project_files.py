from pathlib import Path

import pytest

from amalfa.cli.project_files import below_root, read_text, within_root
from amalfa.errors import UsageProblem


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    (tmp_path / "docs" / "a.md").write_text("x")
    monkeypatch.chdir(tmp_path / "docs")
    return tmp_path.resolve()


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        pytest.param("a.md", "docs/a.md", id="a file here"),
        pytest.param("sub", "docs/sub", id="a folder here"),
        pytest.param("./new*.md", "docs/new*.md", id="a glob said to be from here"),
        pytest.param("../docs/a.md", "docs/a.md", id="up and down again"),
        pytest.param("docs/a.md", "docs/a.md", id="a path from the root"),
        pytest.param("**/*.md", "**/*.md", id="a glob from the root"),
        pytest.param("..", ".", id="the root itself"),
    ],
)
def test_paths_are_sent_as_seen_from_the_root(root: Path, typed: str, sent: str) -> None:
    assert within_root(typed, root) == sent


def test_a_file_elsewhere_is_below_no_root(root: Path) -> None:
    assert below_root("/etc/passwd", root) is None
    assert below_root("../../x.md", root) is None


def test_a_link_keeps_its_own_name(root: Path) -> None:
    (root / "docs" / "link.md").symlink_to("a.md")
    assert below_root("link.md", root) == "docs/link.md"


def test_a_root_behind_a_link_is_recognised(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "alias").symlink_to(tmp_path / "docs")
    assert below_root(tmp_path / "alias" / "a.md", root) == "docs/a.md"


@pytest.mark.parametrize("name", ["absent.md", "sub"])
def test_what_cannot_be_read_is_named(root: Path, name: str) -> None:
    with pytest.raises(UsageProblem, match=name):
        read_text(name)
