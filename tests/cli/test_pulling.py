"""A download while it runs."""

from amalfa.cli.pulling import Lines
from amalfa.client.document import Document


def told(status: str, completed: int | None = None, total: int | None = None, host: str = "http://a") -> Document:
    return Document({"status": status, "completed": completed, "total": total, "host": host})


def test_a_pipe_gets_a_line_for_each_step_and_each_tenth() -> None:
    lines: list[str] = []
    view = Lines(lines.append)
    view.show(told("pulling manifest"))
    for percent in range(101):
        view.show(told("pulling 18ab", percent * 10_000_000, 10**9))
    view.show(told("verifying sha256 digest"))
    view.show(told("verifying sha256 digest"))
    view.show(told("pulling 18ab", 10**9, 10**9, host="http://b"))
    view.show(told("success", host="http://b\x1b[2K"))
    view.finish()
    assert lines[:3] == ["http://a: pulling manifest", "http://a: 0 % of 1.0 GB", "http://a: 10 % of 1.0 GB"]
    assert lines[-4:] == [
        "http://a: 100 % of 1.0 GB",
        "http://a: verifying sha256 digest",
        "http://b: 100 % of 1.0 GB",
        "http://b\\x1b[2K: success",
    ]
    assert len(lines) == 15
