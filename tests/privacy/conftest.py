"""The world of the proof, and a reader of everything that is logged."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from typing_extensions import override

from tests.privacy.house import Folders, Upstreams, upstreams


class LogReader(logging.Handler):
    """Keeps every line as it would be written, ours at every level, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
async def world() -> AsyncIterator[Upstreams]:
    async with upstreams() as found:
        yield found


@pytest.fixture
def folders() -> Iterator[Folders]:
    made = Folders()
    yield made
    made.remove()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    reader, root, ours = LogReader(), logging.getLogger(), logging.getLogger("amalfa")
    root.addHandler(reader)
    ours.setLevel(logging.DEBUG)
    yield reader.lines
    ours.setLevel(logging.NOTSET)
    root.removeHandler(reader)
