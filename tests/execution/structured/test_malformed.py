"""A seeded corpus of malformed replies of every class: nothing is invented, and little is lost."""

import pytest

from amalfa.errors import BadReply
from amalfa.execution.structured.read import read_reply
from amalfa.execution.structured.strict import is_same
from benchmarks.malformed import corpus


@pytest.mark.parametrize("seed", [1, 2])
def test_a_corpus_of_broken_replies_is_read_without_inventions(seed: int) -> None:
    lossless = read = 0
    for case in corpus(1_000, seed):
        try:
            value = read_reply(case.raw).value
        except BadReply:
            lossless += case.truth is not None
            continue
        assert is_same(value, case.truth), case
        lossless, read = lossless + 1, read + 1
    assert read / lossless >= 0.95
