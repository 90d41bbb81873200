"""What this machine says of itself."""

from pathlib import Path

import pytest

from amalfa.providers.this_machine import room


def test_memory_is_told_in_bytes() -> None:
    found = room()
    assert 0 < found.free_memory_bytes <= found.memory_bytes


def test_the_disk_is_that_of_the_models_where_that_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    assert room().disk_bytes is None
    (tmp_path / ".ollama").mkdir()
    assert (room().disk_bytes or 0) > 0
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "none"))
    assert (room().disk_bytes or 0) > 0
