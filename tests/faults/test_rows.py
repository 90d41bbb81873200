"""The matrix itself: that no fault of the list is left out, and that what does not apply says why."""

from tests.faults.case import Case
from tests.faults.test_matrix import CASES

ROWS = (*(f"A{number}" for number in range(1, 16)), *(f"B{number}" for number in range(1, 14)))
ELSEWHERE = {"B13": "test_leaving.py"}
NOT_APPLICABLE = {("A9", "ollama"): "a server of one's own asks for no payment"}


def covering(row: str) -> list[Case]:
    return [case for case in CASES if row in case.row.split()]


def test_every_row_of_the_list_is_provoked_at_every_upstream() -> None:
    missing = [
        (row, name)
        for row in ROWS
        for name in ("ollama", "openrouter")
        if row not in ELSEWHERE and not any(name in case.upstreams for case in covering(row))
    ]
    assert missing == list(NOT_APPLICABLE)


def test_no_case_names_a_row_that_does_not_exist() -> None:
    assert {row for case in CASES for row in case.row.split()} | set(ELSEWHERE) == set(ROWS)


def test_every_case_has_a_name_of_its_own() -> None:
    names = [(case.row, case.title, name) for case in CASES for name in case.upstreams]
    assert len(names) == len(set(names))
