"""The table of storage is complete: each case is provoked by a test that bears its number."""

import pytest

from tests.storage.cases import CASEBOOK, CASES


@pytest.mark.parametrize("case", CASES)
def test_every_case_is_provoked_by_a_test_that_bears_its_number(case: str) -> None:
    assert CASEBOOK.named_after(case), f"no test is named after {case}: {CASES[case]}"
