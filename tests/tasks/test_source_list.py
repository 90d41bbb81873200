"""The places that an answer cites, as plain text."""

import pytest

from amalfa.tasks.grounded import Cited
from amalfa.tasks.labels import Labels
from amalfa.tasks.source_list import source_list

CITED = Cited(n=2, path="ports.md", start_line=2, end_line=3, quote="11434", verified=True, heading="Ports")


@pytest.mark.parametrize(
    ("labels", "label"), [({}, "[2]"), ({1: (4,)}, "[2]"), ({2: (7,)}, "[7]"), ({2: (1, 3)}, "[1][3]"), (None, "-")]
)
def test_a_place_has_the_numbers_of_the_text_or_its_own_or_none(labels: Labels | None, label: str) -> None:
    assert source_list([CITED], labels) == f"\n\nSources:\n{label} ports.md:2-3  Ports\n"


def test_what_was_not_verified_says_so() -> None:
    doubtful = CITED.model_copy(update={"verified": False, "heading": ""})
    assert source_list([doubtful], {}) == "\n\nSources:\n[2] ports.md:2-3 (not verified)\n"


def test_without_places_there_is_no_list() -> None:
    assert source_list([], {}) == ""
