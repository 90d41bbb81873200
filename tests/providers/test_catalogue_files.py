"""Lists on disk: whole, private, and never trusted further than they parse."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import Price
from amalfa.providers.catalogue_files import ListFile, read_lists, write_list
from amalfa.providers.model_facts import Facts, Listed

KEPT = ListFile(
    "openrouter",
    "https://openrouter.ai/api/v1",
    datetime(2026, 11, 20, 12, tzinfo=UTC),
    {
        "a/b": Listed(Facts(Price(0.12, 0.39), None, 8192, False, True, True), date(2026, 12, 31)),
        "a/c": Listed(Facts()),
    },
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_list(tmp_path / "lists", KEPT)
    assert read_lists(tmp_path / "lists") == {"openrouter": KEPT}


def test_only_its_user_can_read_it(tmp_path: Path) -> None:
    write_list(tmp_path / "lists", KEPT)
    assert (tmp_path / "lists").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "lists" / "openrouter.json").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_holds_no_lists(tmp_path: Path) -> None:
    assert read_lists(tmp_path / "none") == {}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_half_a_file_is_no_list(share: float, tmp_path: Path) -> None:
    write_list(tmp_path, KEPT)
    path = tmp_path / "openrouter.json"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert read_lists(tmp_path) == {}
    assert (tmp_path / "openrouter.json.broken").exists()


def test_a_list_under_another_name_is_nobodys(tmp_path: Path) -> None:
    write_list(tmp_path, KEPT)
    (tmp_path / "openrouter.json").rename(tmp_path / "lab.json")
    assert read_lists(tmp_path) == {}


def test_a_value_that_makes_no_sense_is_unknown(tmp_path: Path) -> None:
    write_list(tmp_path, KEPT)
    path = tmp_path / "openrouter.json"
    content = json.loads(path.read_text())
    content["models"] = {"a/b": {"input_usd": "x", "output_usd": 1, "context": -1, "json": "yes", "expires": 3}, "c": 1}
    path.write_text(json.dumps(content))
    assert read_lists(tmp_path)["openrouter"].models == {"a/b": Listed(Facts())}


@given(st.binary(max_size=100))
def test_no_file_can_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("lists")
    (folder / "openrouter.json").write_bytes(content)
    assert read_lists(folder) == {}
