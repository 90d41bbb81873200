from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.providers.embedded.analyze import analyze
from amalfa.tasks.analyze import AnalyzeOutput

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("query", "intent"),
    [
        ("how do I enable the cloud", "implementation"),
        ("why are there two queues", "conceptual"),
        ("what is a generation", "conceptual"),
        ("show me an example config", "example"),
        ("which port does sonar listen on", "reference"),
        ("sonar start fails with exit code 7", "troubleshooting"),
        ("the daemon does not answer", "troubleshooting"),
        ("Wie kann ich die Cloud einschalten?", "implementation"),
        ("エラー 設定", "troubleshooting"),
        ("tomatoes", "other"),
    ],
)
def test_the_wording_tells_the_intent(query: str, intent: str) -> None:
    assert analyze(query, TODAY)["intent"] == intent


def test_names_and_keywords_keep_their_spelling() -> None:
    found = analyze("Where does Amalfa Sonar read OPENROUTER_API_KEY and `sonar.host` from?", TODAY)
    assert {"Amalfa Sonar", "OPENROUTER_API_KEY", "sonar.host"} <= set(found["entities"])
    assert "read" in found["keywords"]
    assert "where" not in found["keywords"]


def test_what_the_query_restricts_becomes_filters() -> None:
    filters = analyze("decisions since March 2025 in meetings/2025/ tagged budget #q3 not in old.md", TODAY)["filters"]
    assert filters == {
        "tags": ["q3", "budget"],
        "paths": ["meetings/2025/", "old.md"],
        "since": "2025-03-01",
        "until": None,
    }


def test_last_week_counts_from_the_day_it_is_given() -> None:
    filters = analyze("what changed last week", TODAY)["filters"]
    assert (filters["since"], filters["until"]) == ("2026-11-09", "2026-11-15")


@pytest.mark.parametrize(
    ("query", "level"),
    [
        ("what did grandma cook", "low"),
        ("restart the daemon", "medium"),
        ("set `sonar.host` for the http socket", "high"),
    ],
)
def test_terms_of_the_trade_tell_the_level(query: str, level: str) -> None:
    assert analyze(query, TODAY)["technical_level"] == level


def test_suggestions_are_other_wordings_and_at_most_three() -> None:
    found = analyze("How does Project Heron handle the budget of its suppliers?", TODAY)["suggested_queries"]
    assert 1 <= len(found) <= 3
    assert len({one.casefold() for one in found}) == len(found)
    assert all("how does" not in one.casefold() for one in found)


@given(st.text(min_size=1, max_size=300))
def test_every_query_gets_a_reply_that_the_task_accepts(query: str) -> None:
    AnalyzeOutput.model_validate(analyze(query, TODAY))
