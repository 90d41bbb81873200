"""The forms in which a provider says how long to wait."""

from datetime import UTC, datetime

import pytest

from amalfa.providers.retry_after import wait_of, wait_until_reset

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("1000000000", 1e9),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2026 12:00:30", 30.0),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Fri, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_a_number_or_a_date_counts_and_nonsense_does_not(text: str, wait_s: float | None) -> None:
    assert wait_of(text, NOW) == wait_s


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        (str(int(NOW.timestamp() * 1000) + 42_000), 42.0),
        (str(int(NOW.timestamp()) + 42), 42.0),
        (str(int(NOW.timestamp()) - 42), 0.0),
        ("", None),
        ("0", None),
        ("later", None),
    ],
)
def test_a_reset_is_epoch_milliseconds_or_seconds(text: str, wait_s: float | None) -> None:
    assert wait_until_reset(text, NOW) == wait_s
