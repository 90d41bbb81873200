"""Places: the same for every shell of one user, short enough for a socket, closed to others."""

from pathlib import Path

import platformdirs
import pytest

from amalfa.errors import AmalfaError
from amalfa.paths import (
    CONFIG_NAME,
    SOCKET_PATH_MAX_BYTES,
    amalfa_home,
    find_project,
    make_private_folder,
    places_for,
    user_config_path,
)


def test_the_places_are_those_of_platformdirs() -> None:
    assert amalfa_home({}) == platformdirs.user_state_path("amalfa")
    assert user_config_path({}) == platformdirs.user_config_path("amalfa") / CONFIG_NAME


def test_a_project_is_found_from_any_folder_below_it(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text("{}")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    found = find_project(deep, {})
    assert found is not None
    assert found.config == tmp_path.resolve() / CONFIG_NAME


def test_an_explicit_config_beats_the_environment_and_that_beats_the_folder(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).write_text("{}")
    named = find_project(tmp_path, {"AMALFA_CONFIG": "other/x.json"})
    assert named is not None
    assert named.root == (tmp_path / "other").resolve()
    flagged = find_project(tmp_path, {"AMALFA_CONFIG": "other/x.json"}, "third/y.json")
    assert flagged is not None
    assert flagged.config.name == "y.json"


def test_without_any_config_there_is_no_project(tmp_path: Path) -> None:
    assert find_project(tmp_path, {"XDG_CONFIG_HOME": str(tmp_path / "none")}) is None


def test_the_users_own_config_is_the_last_resort(tmp_path: Path) -> None:
    own = tmp_path / "config" / "amalfa" / CONFIG_NAME
    own.parent.mkdir(parents=True)
    own.write_text("{}")
    found = find_project(tmp_path, {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert found is not None
    assert found.config == own.resolve()


def test_a_link_to_a_project_leads_to_the_same_places(tmp_path: Path) -> None:
    root = tmp_path / "real"
    root.mkdir()
    link = tmp_path / "link"
    link.symlink_to(root)
    environ = {"AMALFA_HOME": str(tmp_path / "home")}
    assert places_for(link, environ) == places_for(root, environ)


@pytest.mark.parametrize("name", ["TMPDIR", "XDG_RUNTIME_DIR"])
def test_what_differs_between_desktop_ssh_and_cron_moves_nothing(tmp_path: Path, name: str) -> None:
    environ = {"AMALFA_HOME": str(tmp_path / ("x" * 120))}
    assert places_for(tmp_path, environ) == places_for(tmp_path, {**environ, name: "/somewhere"})


def test_a_long_home_gets_a_short_socket(tmp_path: Path) -> None:
    places = places_for(tmp_path, {"AMALFA_HOME": str(tmp_path / ("x" * 120))})
    assert len(str(places.socket).encode()) <= SOCKET_PATH_MAX_BYTES


def test_two_projects_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "notes").mkdir(parents=True)
    environ = {"AMALFA_HOME": str(tmp_path / "home")}
    assert places_for(tmp_path / "a" / "notes", environ) != places_for(tmp_path / "b" / "notes", environ)


def test_a_private_folder_is_closed_to_others_even_when_it_was_open(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    make_private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AmalfaError, match="is not a folder"):
        make_private_folder(tmp_path / "state")
