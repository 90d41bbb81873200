"""Fixtures of the tests that drive the real command line."""

from collections.abc import Iterator

import pytest

from tests.system.harness import Home, new_home


@pytest.fixture
def home() -> Iterator[Home]:
    with new_home() as one:
        yield one
