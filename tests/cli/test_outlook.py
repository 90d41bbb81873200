"""How the dry run is shown."""

from typing import Any

from amalfa.cli.outlook import SHOWN_MAX, changes_text, outlook_text, rows_text, totals_of
from amalfa.client.document import Document

ESTIMATE: dict[str, Any] = {
    "tokensIn": 12,
    "tokensOutMax": 2000,
    "seconds": 4.0,
    "secondsSource": "assumed",
    "usdLow": 0.00041,
    "usdHigh": 0.0121,
}
FREE = ESTIMATE | {"usdLow": 0.0, "usdHigh": 0.0, "seconds": 0.7, "secondsSource": "measured"}
UNKNOWN = ESTIMATE | {"usdLow": None, "usdHigh": None}
BIG = "openrouter:qwen/qwen-2.5-72b-instruct"
ONE: dict[str, Any] = {
    "task": "synthesize",
    "model": BIG,
    "tier": "cloud",
    "provider": "openrouter",
    "strategy": "local_first",
    "reason": "cloud by default",
    "plan": [
        {"model": BIG, "tier": "cloud", "reason": "cloud by default", "leavesMachine": True, "estimate": ESTIMATE},
        {"model": "ollama:qwen", "tier": "local", "reason": "stands in", "leavesMachine": False, "estimate": FREE},
    ],
    "candidates": [
        {"model": BIG, "verdict": "planned", "code": "planned", "detail": ""},
        {"model": "openai:gpt-4o", "verdict": "refused", "code": "no_key", "detail": "there is no key"},
    ],
    "estimate": ESTIMATE,
    "limits": [{"name": "sonar.budget.dailyUsd", "usd": 1.0, "leftUsd": 0.25}],
    "overBudget": None,
}
NOBODY = ONE | {"model": None, "tier": None, "provider": None, "plan": [], "estimate": None, "limits": []}


def row(line: int, model: str | None, estimate: dict[str, Any] | None, **more: Any) -> Document:
    tier = "cloud" if model == BIG else "local" if model else None
    fields = {"line": line, "task": "chat", "model": model, "tier": tier, "reason": "because", "code": None}
    return Document({**fields, "estimate": estimate, **more})


def test_one_prompt_is_shown_whole() -> None:
    assert outlook_text(Document(ONE), width=80).splitlines() == [
        f"{BIG} (cloud): cloud by default.",
        "Expect about 12 tokens in and up to 2,000 out, 4 s (assumed), $0.00041 to $0.0121.",
        "Task synthesize, strategy local_first.",
        "",
        "Plan",
        f"1. {BIG} (cloud): leaves this machine, 4 s (assumed), $0.00041 to $0.0121",
        "   cloud by default",
        "2. ollama:qwen (local): stays here, 0.7 s (measured), no cost",
        "   stands in",
        "",
        "Refused",
        "model          code    why not",
        "openai:gpt-4o  no_key  there is no key",
        "",
        "Limits",
        "limit                  left",
        "sonar.budget.dailyUsd  $0.25 of $1.00",
    ]


def test_long_lists_are_cut_and_say_so() -> None:
    refused = {"model": "a:b", "verdict": "refused", "code": "no_key", "detail": "x"}
    long = ONE | {"plan": ONE["plan"] * 15, "candidates": [refused] * 21}
    lines = outlook_text(Document(long), width=80).splitlines()
    assert sum("stands in" in line for line in lines) == SHOWN_MAX // 2
    assert "and 10 more; --json lists all of them" in lines
    assert "and 1 more; --json lists all of them" in lines


def test_without_a_model_nothing_is_expected() -> None:
    text = outlook_text(Document(NOBODY), width=80)
    assert text.startswith("no model: nothing would be asked.\nTask")
    assert "Expect" not in text
    assert "no_key" in text


def test_a_cost_that_nobody_knows_is_never_shown_as_none() -> None:
    text = outlook_text(Document(ONE | {"estimate": UNKNOWN}), width=80)
    assert "cost unknown." in text.splitlines()[1]


def test_many_prompts_are_rows_and_totals() -> None:
    rows = [
        row(1, BIG, ESTIMATE),
        row(3, "ollama:qwen", FREE),
        row(4, "openai:gpt", UNKNOWN),
        row(5, None, None, code="no_provider"),
    ]
    lines = rows_text(rows, width=200).splitlines()
    assert lines[:5] == [
        "line  task  model                                  tier         est. cost            reason",
        f"1     chat  {BIG}  cloud        $0.00041 to $0.0121  because",
        "3     chat  ollama:qwen                            local        no cost              because",
        "4     chat  openai:gpt                             local        cost unknown         because",
        "5     chat  no model                               no_provider                       because",
    ]
    assert lines[6:] == [
        f"4 prompts: 1 to {BIG}, 1 to ollama:qwen, 1 to openai:gpt, 1 to no model.",
        "Expect about 36 tokens in, $0.00041 to $0.0121, and an unknown cost for 1 prompt.",
    ]


def test_totals_keep_what_is_unknown_apart() -> None:
    assert totals_of([row(1, BIG, ESTIMATE), row(2, BIG, UNKNOWN), row(3, None, None)]).fields() == {
        "calls": 3,
        "unserved": 1,
        "byModel": {BIG: 2},
        "tokensIn": 24,
        "usdLow": 0.00041,
        "usdHigh": 0.0121,
        "unknownCosts": 1,
    }


def test_all_unknown_is_not_free() -> None:
    last = rows_text([row(1, BIG, UNKNOWN)], width=200).splitlines()[-1]
    assert last == "Expect about 12 tokens in, an unknown cost for 1 prompt."
    assert rows_text([row(1, "ollama:qwen", FREE)], width=200).splitlines()[-1].endswith("no cost.")


def test_changes_are_before_and_after() -> None:
    before = {"model": "ollama:qwen", "tier": "local", "reason": "here", "code": None}
    after = {"model": None, "tier": None, "reason": "There is no team x.", "code": "usage"}
    changed = [Document({"line": 7, "before": before, "after": after})]
    assert changes_text(changed, calls=1_000, against="/next.json", width=100).splitlines() == [
        "line  before               after             why",
        "7     ollama:qwen (local)  no model (usage)  There is no team x.",
        "",
        "1 of 1,000 decisions would be another one under /next.json.",
    ]
    assert changes_text([], calls=1, against="/next.json", width=80) == (
        "0 of 1 decision would be another one under /next.json."
    )


def test_names_that_play_tricks_stay_on_their_line() -> None:
    trick = "ollama:a\nb\x1b[2K"
    shown = [
        outlook_text(Document(ONE | {"model": trick}), width=80),
        rows_text([row(1, trick, FREE)], width=200),
        changes_text([Document({"line": 1, "before": {"model": trick}})], calls=1, against="/a\x07", width=200),
    ]
    for text in shown:
        assert "a\\x0ab\\x1b[2K" in text
        assert "\x1b" not in text
