from amalfa.cli.fields import fields_text
from amalfa.client.document import Document


def test_fields_read_as_lines_and_empty_ones_are_left_out() -> None:
    told = Document(
        {
            "doc_type": "guide",
            "keywords": ["a", "b"],
            "themes": [],
            "since": None,
            "is_long": False,
            "filters": {"tags": ["x"], "paths": []},
            "count": 3,
        }
    )
    assert fields_text(told, width=80).split("\n") == [
        "doc type: guide",
        "keywords: a, b",
        "is long: no",
        "filters tags: x",
        "count: 3",
    ]


def test_long_text_is_wrapped_below_its_name() -> None:
    text = fields_text(Document({"summary": "word " * 30}), width=40)
    assert text.startswith("summary:\n  word")
    assert all(len(line) <= 40 for line in text.split("\n"))
