"""How results read."""

from amalfa.client.document import Document
from amalfa.mcp import texts


def test_an_answer_is_followed_by_its_sources() -> None:
    citation = {"n": 1, "path": "a.md", "start_line": 3, "end_line": 4, "heading": "A > B"}
    reply = Document({"answer": "Yes [1].", "citations": [citation], "model": "ollama:m", "tier": "local"})
    assert texts.answer(reply) == "Yes [1].\n\nSources:\n[1] a.md:3-4 A > B\n\nAnswered by ollama:m (local)."


def test_a_refusal_names_what_comes_nearest() -> None:
    reply = Document({"refused": True, "reason": "no note says so", "nearest": [{"path": "a.md", "title": "A"}]})
    assert texts.answer(reply) == "The notes do not answer this: no note says so.\nNearest: A (a.md)"


def test_a_dry_run_says_that_nothing_was_changed_and_what_would_refuse() -> None:
    refusal = {"code": "busy", "message": "m is in use by 2 calls."}
    reply = Document({"action": "unload", "model": "m", "dry_run": True, "does": ["m would go."], "refusal": refusal})
    assert texts.action(reply).splitlines() == [
        "Dry run; nothing was changed.",
        "m would go.",
        "It would be refused (busy): m is in use by 2 calls.",
    ]
    done = Document({"action": "load", "model": "m", "changes": True, "hosts": ["http://h"], "warnings": ["tight"]})
    assert texts.action(done) == "m: load done at http://h.\nWarning: tight"


def test_nothing_found_and_nothing_known_are_said() -> None:
    assert texts.passages(Document({"passages": []})) == "No note matches."
    assert texts.models(Document({"models": []})) == "No model is known."


def test_empty_fields_of_a_task_are_left_out() -> None:
    output = {"title": "T", "keywords": ["a", "b"], "themes": [], "filters": {"tags": [], "since": None}}
    assert texts.task(Document({"output": output})) == "title: T\nkeywords: a, b"
