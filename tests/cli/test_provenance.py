from amalfa.cli.provenance import cost_text, explanation, left_machine_text, passed_over, provenance_lines
from amalfa.client.document import Document

ROUTE = {
    "model": "openrouter:qwen/qwen-2.5-72b-instruct",
    "tier": "cloud",
    "task": "synthesize",
    "strategy": "local_first",
    "reason": "next in the plan",
    "candidates": [
        {"model": "ollama:qwen2.5:1.5b", "verdict": "planned", "code": "first", "detail": "default"},
        {"model": "ollama:llama3", "verdict": "refused", "code": "not_installed", "detail": "is not installed"},
        {"model": "openai:gpt-4o", "verdict": "refused", "code": "not_acceptable", "detail": "not in acceptableModels"},
    ],
    "attempts": [
        {"model": "ollama:qwen2.5:1.5b", "outcome": "connect_failed", "ms": 12, "error": "Ollama does not answer"},
        {
            "model": "openrouter:qwen/qwen-2.5-72b-instruct",
            "outcome": "ok",
            "ms": 2300,
            "tokensIn": 1980,
            "tokensOut": 120,
            "costUsd": 0.0021,
            "error": "",
        },
    ],
    "cache": "off",
    "repairs": [],
    "leftMachine": {"to": ["openrouter:qwen/qwen-2.5-72b-instruct"], "tokens": 1980, "notes": ["a.md", "b.md", "c.md"]},
    "generation": 4,
    "requestId": "req_1",
}


def reply(**changes: object) -> Document:
    fields = {"model": ROUTE["model"], "tier": "cloud", "route": ROUTE, "usage": {"cost_usd": 0.0021, "ms": 2300}}
    return Document({**fields, **changes})


def test_the_lines_say_who_answered_what_failed_and_what_left() -> None:
    assert provenance_lines(reply()) == [
        "Answered by openrouter:qwen/qwen-2.5-72b-instruct (cloud), $0.0021, 2.3 s.",
        "Not used: ollama:qwen2.5:1.5b: Ollama does not answer.",
        "Not used: ollama:llama3: is not installed.",
        "1,980 tokens of 3 notes to openrouter:qwen/qwen-2.5-72b-instruct",
    ]


def test_what_stayed_here_is_said_too() -> None:
    route = Document({"model": "ollama:qwen2.5:1.5b", "leftMachine": None})
    assert left_machine_text(route, "ollama:qwen2.5:1.5b") == "stayed here: qwen2.5:1.5b"


def test_what_was_blanked_before_it_left_is_counted() -> None:
    left = {"to": ["openai:gpt-4o"], "tokens": 1200, "notes": ["a.md"], "redactions": 2}
    route = Document({"model": "openai:gpt-4o", "leftMachine": left})
    assert left_machine_text(route, "openai:gpt-4o") == "1,200 tokens of 1 note to openai:gpt-4o, 2 places blanked"


def test_a_limit_on_money_that_ruled_a_model_out_is_told() -> None:
    refused = {"model": "openai:gpt-4o", "verdict": "refused", "code": "over_budget", "detail": "it may cost too much"}
    assert passed_over(Document({"candidates": [refused]}), "x") == ["openai:gpt-4o: it may cost too much"]


def test_a_model_the_rules_refused_is_no_fallback_to_tell_of() -> None:
    assert not any("gpt-4o" in line for line in passed_over(Document(ROUTE), "x"))


def test_an_unknown_cost_is_never_shown_as_none() -> None:
    assert cost_text(None, "cloud") == "cost unknown"
    assert cost_text(None, "") == "cost unknown"
    assert cost_text(None, "local") == "no cost"
    assert cost_text(0, "cloud") == "no cost"
    assert cost_text(0.0000213, "cloud") == "$0.000021"
    assert cost_text(1.5, "cloud") == "$1.50"


def test_no_model_gives_no_lines() -> None:
    assert provenance_lines(Document({"model": None, "route": {}})) == []


def test_the_explanation_names_every_candidate_and_attempt() -> None:
    text = explanation(Document(ROUTE), width=100)
    for word in (
        "not_acceptable",
        "not_installed",
        "connect_failed",
        "1,980/120",
        "generation 4",
        "req_1",
        "local_first",
    ):
        assert word in text


def test_the_explanation_fits_forty_columns() -> None:
    long_ones = ("openrouter:qwen/qwen-2.5-72b-instruct",)
    lines = explanation(Document(ROUTE), width=40).split("\n")
    tables = lines[lines.index("Candidates") : -2]
    assert all(len(line) <= 40 or any(name in line for name in long_ones) for line in tables)
