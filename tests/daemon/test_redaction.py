import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.daemon.redaction import MASK, SHORTEST_SECRET, Redactor


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key sk-or-v1-0123456789abcdef01234567 used", "sk-or-v1-0123456789abcdef01234567"),
        ("sk-proj-Abc_123-Def456Ghi789", "Abc_123"),
        ("Authorization: Bearer abc.def.ghi-123456", "abc.def.ghi-123456"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ('{"apiKey": "x9y8z7w6v5"}', "x9y8z7w6v5"),
        ("{'api_key': 'x9y8z7w6v5'}", "x9y8z7w6v5"),
        ("?api-key=x9y8z7w6v5&q=1", "x9y8z7w6v5"),
        ("http://user:hunter22@host/path", "hunter22"),
        ("AIzaSyA0123456789abcdefghijklmnop", "AIzaSyA"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7"),
        ("ghp_0123456789abcdefghij", "ghp_0123456789"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJ", "SflKxwRJ"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- ok", "MIIE"),
    ],
)
def test_what_looks_like_a_secret_is_blanked(text: str, secret: str) -> None:
    """H6, H7"""
    cleaned = Redactor().redact(text)
    assert secret not in cleaned
    assert MASK in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "tokens_in=512 tokens_out=64",
        "the basic idea of bearer bonds",
        "task-based routing, risk-averse",
        "http://localhost:11434/api/chat",
        "the password is wrong",
        "GET /sonar/health 200",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor().redact(text) == text


@given(st.text(min_size=SHORTEST_SECRET), st.text(), st.text())
def test_a_known_secret_is_never_left_in(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.learn([secret])
    cleaned = redactor.redact(before + secret + after)
    assert secret in MASK or cleaned.count(secret) <= (before + MASK + after).count(secret)


def test_a_key_that_begins_another_leaves_no_tail() -> None:
    redactor = Redactor()
    redactor.learn(["correct-horse"])
    redactor.learn(["correct-horse-battery", "tiny"])
    assert redactor.redact("correct-horse-battery correct-horse tiny") == f"{MASK} {MASK} tiny"
