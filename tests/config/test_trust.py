import stat
from pathlib import Path

import pytest

from amalfa.config.sources import read_file
from amalfa.config.trust import TrustRequest, approve, read_approvals, trust_path
from amalfa.errors import AmalfaError, Problem
from tests.config.world import World

HOST = TrustRequest("host", "openrouter", "https://a.example", "why", Problem("f", 3, "sonar.cloud.host"))
PATH = TrustRequest("path", "", "/elsewhere", "why", Problem("f", 4, "/elsewhere"))


def approved(world: World, root: Path | None = None) -> tuple[frozenset[tuple[str, str, str]], list[str]]:
    found, warnings = read_approvals(read_file(trust_path(world.environ)), root or world.root)
    return found, [problem.message for problem in warnings]


def test_approvals_are_kept_for_the_user_alone_and_outside_the_project(world: World) -> None:
    approve(world.root, [HOST], environ=world.environ)
    path = trust_path(world.environ)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.is_relative_to(world.root)
    assert [entry.name for entry in path.parent.iterdir()] == ["trust.json"]


def test_approvals_add_up_and_belong_to_one_project(world: World, tmp_path: Path) -> None:
    approve(world.root, [HOST], environ=world.environ)
    approve(world.root, [PATH], environ=world.environ)
    approve(tmp_path, [], environ=world.environ)
    assert approved(world) == ({HOST.approval, PATH.approval}, [])
    assert approved(world, tmp_path) == (frozenset(), [])


def test_a_project_is_known_by_its_real_path(world: World, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(world.root)
    approve(tmp_path / "link", [HOST], environ=world.environ)
    assert approved(world) == ({HOST.approval}, [])


def test_no_list_approves_nothing(world: World) -> None:
    assert approved(world) == (frozenset(), [])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"projects": 1}', "null"])
def test_a_damaged_list_approves_nothing_and_says_so(world: World, text: str) -> None:
    approve(world.root, [HOST], environ=world.environ)
    trust_path(world.environ).write_text(text)
    assert approved(world) == (frozenset(), ["is damaged, so it approves nothing"])
    approve(world.root, [PATH], environ=world.environ)
    assert approved(world) == ({PATH.approval}, [])


def test_entries_of_another_shape_are_skipped(world: World) -> None:
    approve(world.root, [HOST], environ=world.environ)
    path = trust_path(world.environ)
    path.write_text(path.read_text().replace('"host"', "7"))
    assert approved(world) == (frozenset(), [])


def test_a_list_that_others_could_have_written_approves_nothing(world: World) -> None:
    approve(world.root, [HOST], environ=world.environ)
    trust_path(world.environ).chmod(0o622)
    assert approved(world) == (frozenset(), ["can be written by other users, so it approves nothing"])


def test_an_unreadable_list_approves_nothing(world: World) -> None:
    trust_path(world.environ).mkdir(parents=True)
    assert approved(world) == (frozenset(), ["is a folder"])


def test_the_home_must_not_be_a_link(world: World, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "amalfa").symlink_to(tmp_path / "real")
    with pytest.raises(AmalfaError):
        approve(world.root, [HOST], environ={"XDG_STATE_HOME": str(tmp_path / "state")})


def test_a_request_says_where_it_was_made_and_why() -> None:
    assert str(HOST.problem) == "f:3: sonar.cloud.host: why"
