"""Fixtures for tests of the HTTP side."""

from typing import Any

import pytest


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The event loop that the daemon runs on."""
    return "asyncio", {"use_uvloop": True}
