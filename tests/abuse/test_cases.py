"""The table of abuse is complete: each case is provoked, and on the TCP port as well as on the socket."""

import pytest

from tests.abuse.cases import CASEBOOK, CASES


@pytest.mark.parametrize("case", CASES)
def test_every_case_is_provoked_by_a_test_that_bears_its_number(case: str) -> None:
    assert CASEBOOK.named_after(case), f"no test is named after {case}: {CASES[case]}"
