"""What was used, in a table, as bars, as JSON."""

from typing import Any

import pytest

from amalfa.cli.commands.usage import usage_text
from amalfa.client.document import Document
from tests.cli.conftest import Shell
from tests.cli.fake_sonar import FakeSonar
from tests.cli.test_output_schema import check


def sums(name: str, **values: object) -> dict[str, Any]:
    usual = {
        "name": name,
        "calls": 1,
        "attempts": 1,
        "failed": 0,
        "tokens_in": 12_400,
        "tokens_out": 310,
        "cost_usd": 0.0,
        "unknown_costs": 0,
        "p50_ms": 900,
        "p95_ms": 4_500,
    }
    return usual | values


JSON = {"replies": 6, "parsed": 5, "valid": 3, "repaired": 2, "retried": 1, "escalated": 0, "refused": 1}
REPORT: dict[str, Any] = {
    "since": "2026-11-13T20:04:00Z",
    "by": "model",
    "groups": [
        sums("openrouter:m", calls=3, cost_usd=0.0123, unknown_costs=2),
        sums("ollama:q\x1b[2J", p50_ms=None, p95_ms=None),
        sums("openrouter:new", unknown_costs=1),
    ],
    "total": sums("", calls=5, attempts=7, failed=2, cost_usd=0.0123, unknown_costs=3),
    "local_ratio": 0.25,
    "cache_hits": 4,
    "reserved_usd": 0.05,
    "json_replies": JSON,
    "json_lines": [],
    "models": [{"name": "openrouter:m", "count": 3}],
    "reasons": [{"name": "the local default", "count": 2}],
}
DAYS = REPORT | {
    "by": "day",
    "groups": [sums("2026-11-20", calls=8, cost_usd=0.02), sums("2026-11-18", calls=4, unknown_costs=1)],
}
NOTHING = REPORT | {
    "groups": [],
    "total": sums("", calls=0, attempts=0, tokens_in=0, tokens_out=0, p50_ms=None, p95_ms=None),
    "cache_hits": 0,
    "local_ratio": None,
}


@pytest.fixture(autouse=True)
def told(sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/usage?since=7d&by=model"] = REPORT
    sonar.script.replies["/sonar/usage?since=7d&by=day"] = DAYS


def test_each_model_has_a_line_and_the_last_one_is_the_total(shell: Shell) -> None:
    done = shell.call("usage")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "Usage since 2026-11-13 20:04 UTC"
    assert lines[2].split() == ["model", "calls", "tokens", "in", "tokens", "out", "p50", "p95", "cost"]
    assert lines[3].split("  ")[0] == "openrouter:m"
    assert lines[3].endswith("$0.0123 + 2 unknown")
    assert lines[6].startswith("total")
    assert lines[6].endswith("$0.0123 + 3 unknown")


def test_an_unknown_cost_is_never_shown_as_nothing(shell: Shell) -> None:
    line = next(line for line in shell.call("usage").out.splitlines() if line.startswith("openrouter:new"))
    assert line.endswith(" 1 unknown")
    assert "$0" not in line


def test_the_rest_is_told_below(shell: Shell) -> None:
    out = shell.call("usage").out
    assert "7 attempts, 2 failed; 25% of the replies local, 75% from a cloud\n" in out
    assert "4 replies from the cache\n" in out
    assert "JSON replies: 3 valid, 2 repaired, 1 refused; 1 asked for again, 0 handed on to another model\n" in out
    assert "$0.05 set aside for costs that nobody knows\n" in out
    assert "chosen 2 times: the local default\n" in out


def test_by_task_each_model_has_a_line_for_its_json_replies(shell: Shell, sonar: FakeSonar) -> None:
    lines = [{"task": "analyze", "model": "ollama:q\x1b[2J", "counts": JSON}]
    sonar.script.replies["/sonar/usage?since=7d&by=task"] = REPORT | {"by": "task", "json_lines": lines}
    out = shell.call("usage", "--by", "task").out
    below = out.partition("Replies that had to be JSON\n\n")[2].splitlines()
    heads = ["task", "model", "replies", "parsed", "valid", "repaired", "retried", "escalated", "refused"]
    assert below[0].split() == heads
    assert below[1].split() == ["analyze", "ollama:q\\x1b[2J", "6", "5", "3", "2", "1", "0", "1"]
    done = shell.call("usage", "--by", "task", "--json")
    check("usage", done.json)


def test_names_cannot_play_with_the_terminal(shell: Shell) -> None:
    assert "ollama:q\\x1b[2J" in shell.call("usage").out


def test_the_question_is_passed_on(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/usage?since=2026-11-01&by=team"] = REPORT | {"by": "team", "groups": [sums("")]}
    assert "(no team)" in shell.call("usage", "--since", "2026-11-01", "--by", "team").out


def test_on_a_narrow_terminal_each_model_is_a_few_lines() -> None:
    assert "  calls: 3\n" in usage_text(Document(REPORT), width=60)


def test_a_refused_question_is_a_usage_error(shell: Shell, sonar: FakeSonar) -> None:
    error = {"code": "usage", "message": "'x' is no time to count from.", "hint": "say 7d"}
    sonar.script.failures["/sonar/usage?since=x&by=model"] = (400, error)
    done = shell.call("usage", "--since", "x")
    assert done.code == 2
    assert "no time to count from" in done.err


def test_nothing_used_is_said_in_a_sentence(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/usage?since=7d&by=model"] = NOTHING
    assert shell.call("usage").out == "Nothing was used since 2026-11-13 20:04 UTC.\n"


def test_days_are_drawn_oldest_first_with_those_between(shell: Shell) -> None:
    out = shell.call("usage", "--plot").out
    cost, calls = out.partition("Cost by day\n")[2].split("\nCalls by day\n")
    assert [line.split()[0] for line in cost.splitlines()] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert cost.splitlines()[0].split()[1:] == ["1", "unknown"]
    assert [line.count("#") for line in calls.splitlines()] == [25, 0, 50]
    assert out.isascii()


def test_days_without_money_have_no_bars_of_cost(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/usage?since=7d&by=day"] = DAYS | {"groups": [sums("2026-11-20"), sums("?")]}
    out = shell.call("usage", "--by", "day", "--plot").out
    assert "Cost by day" not in out
    assert "Calls by day\n2026-11-20  1  ##" in out


def test_a_table_by_day_begins_with_the_oldest(shell: Shell) -> None:
    lines = shell.call("usage", "--by", "day").out.splitlines()
    assert [line[:10] for line in lines[3:5]] == ["2026-11-18", "2026-11-20"]


def test_in_json_it_is_what_sonar_said(shell: Shell) -> None:
    done = shell.call("usage", "--json", "--plot")
    assert done.json["data"] == REPORT
    check("usage", done.json)
