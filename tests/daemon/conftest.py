"""Fixtures of the daemon's tests: a private folder with a short path, and homes that run the stand-in engine."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.harness import Home, new_home


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for socket names."""
    folder = Path(tempfile.mkdtemp(prefix="am-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home() -> Iterator[Home]:
    with new_home() as one:
        one.use_stand_in()
        yield one
