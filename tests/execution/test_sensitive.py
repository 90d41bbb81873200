"""What counts as a key, an address and a card, what does not, and that no text makes the search slow."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.execution.sensitive import FINDERS, find_cards, find_emails, find_keys, looks_random, passes_luhn

MIB = 1 << 20


def found(kind: str, text: str) -> list[str]:
    return [text[start:end] for start, end in FINDERS[kind](text)]


def covers(kind: str, text: str, secret: str) -> bool:
    start = text.index(secret)
    return any(begin <= start and start + len(secret) <= end for begin, end in FINDERS[kind](text))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("the key sk-or-v1-0123456789abcdef01234567 works", "sk-or-v1-0123456789abcdef01234567"),
        ("glued:xsk-or-v1-0123456789abcdef01234567", "sk-or-v1-0123456789abcdef01234567"),
        ("sk-ant-api03-abcDEFghiJKL_-mno", "sk-ant-api03-abcDEFghiJKL_-mno"),
        ("sk-4eC39HqLyjWDarjtT1zdp7dc", "sk-4eC39HqLyjWDarjtT1zdp7dc"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
        ("push with ghp_0123456789abcdefghijABCDEFGHIJ012345", "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
        ("github_pat_11ABCDEFG0123456789_abcdefghijklmnop", "github_pat_11ABCDEFG0123456789_abcdefghijklmnop"),
        ("AKIAIOSFODNNQEXAMPLE in us-east-1", "AKIAIOSFODNNQEXAMPLE"),
        ("xoxb-123456789012-abcdefABCDEF", "xoxb-123456789012-abcdefABCDEF"),
        ("AIzaSyA-1234567890abcdefghijklmnopqrstu", "AIzaSyA-1234567890abcdefghijklmnopqrstu"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4", "SflKxwRJSMeKKF2QT4"),
        ("Authorization: Bearer abc.def-123_456", "abc.def-123_456"),
        ('{"authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),
        ("curl -H 'bearer 0a1b2c3d4e5f6a7b8c9d'", "0a1b2c3d4e5f6a7b8c9d"),
        ("password=hunter22x", "hunter22x"),
        ("DB_PASSWORD: tr0ub4dor&3", "tr0ub4dor&3"),
        ("Passwort: Sonne2026!", "Sonne2026!"),
        ('"api_key": "x9y8z7w6v5"', "x9y8z7w6v5"),
        ('{\\"api_key\\": \\"x9y8z7w6v5\\"}', "x9y8z7w6v5"),
        ("api-key := 'x9y8z7w6v5'", "x9y8z7w6v5"),
        ("**Secret:** `KxQvZrTyPLmNbw`", "KxQvZrTyPLmNbw"),
        ("?client_secret=x9y8z7w6v5&q=1", "x9y8z7w6v5"),
        ("postgres://ada:s3cr3tpass@db.lan/notes", "s3cr3tpass"),
    ],
)
def test_a_key_is_found_in_every_form(text: str, secret: str) -> None:
    assert covers("keys", text, secret)


@pytest.mark.parametrize(
    "text",
    [
        "password: $OPENROUTER_PASSWORD",
        "apiKey: <your key here>",
        "api_key=YOUR_API_KEY_1",
        "Authorization: Bearer $TOKEN",
        "Authorization: Bearer <token>",
        "max_tokens: 2000000000, tokens_in=512",
        "tokenizer: gpt2-large-v2",
        "the secret: nobody knows anything",
        "the bearer of the ring number1",
        "sk-learn-estimators-and-pipelines",
        "a risk-averse-person-who-reads-a-lot-2",
        "https://ollama.com/library/qwen2.5:1.5b",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "[redacted key] password=[redacted key]",
        "eyJ is how a token begins",
    ],
)
def test_ordinary_text_about_keys_is_left_alone(text: str) -> None:
    assert found("keys", text) == []


PEM_BODY = (
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\nVJTUt9Us8cKjMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S\nshort==\n"
)


def test_a_private_key_block_is_one_place() -> None:
    text = f"before\n-----BEGIN RSA PRIVATE KEY-----\n{PEM_BODY}-----END RSA PRIVATE KEY-----\nafter"
    assert found("keys", text) == [text.removeprefix("before\n").removesuffix("\nafter")]


def test_a_block_cut_in_two_by_passages_takes_the_lines_of_both_halves_and_nothing_between() -> None:
    first = f"[1] a.md:1-3 (Keys)\n-----BEGIN PRIVATE KEY-----\n{PEM_BODY.replace('short==', '')}"
    second = f"\n[2] a.md:4-6 (Keys)\n{PEM_BODY}-----END PRIVATE KEY-----\nQuestion: what?"
    text = first + second
    spans = list(find_keys(text))
    kept = "".join(text[i] for i in range(len(text)) if not any(start <= i < end for start, end in spans))
    assert "MIIE" not in kept
    assert "VJTU" not in kept
    assert "[2] a.md:4-6 (Keys)" in kept
    assert kept.endswith("\nQuestion: what?")


def test_a_block_on_one_line_with_written_line_breaks_is_found() -> None:
    line = '"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEF\\n-----END PRIVATE KEY-----\\n"'
    assert covers("keys", line, "MIIEvQIBADANBgkqhkiG9w0BAQEF")


@pytest.mark.parametrize(
    "text", ["ada@example.com", "<ada.b+notes@mail.example.co.uk>", "mailto:ada@xn--mnchen-3ya.de."]
)
def test_an_address_is_found(text: str) -> None:
    assert len(found("emails", text)) == 1


def test_the_mark_of_a_sentence_is_no_part_of_an_address() -> None:
    assert found("emails", "Write to ada@example.com. Soon.") == ["ada@example.com"]


@pytest.mark.parametrize(
    "text",
    ["git@github.com:amalfa/notes", "user@host", "@ada", "a @ b.com", "react@18.2.0", "[redacted email]", "x@@y.com"],
)
def test_what_only_resembles_an_address_is_left_alone(text: str) -> None:
    assert found("emails", text) == []


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "3782 822463 10005",
        "3056 930902 5904",
        "5555555555554444",
        "2223003122003222",
        "4222222222222",
        "6304 0000 0000 0000 000",
    ],
)
@pytest.mark.parametrize("around", ["{}", "card {}, valid 12/28", "[1] {} 123", "no_{}."])
def test_a_card_is_found_whatever_stands_around_it(number: str, around: str) -> None:
    assert covers("cards", around.format(number), number)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "0000 0000 0000 0000",
        "1763668800000",
        "20261120200458",
        "978-3-16-148410-0",
        "0.4111111111111111",
        "4111111111111111.5",
        "a4111111111111111",
        "4111111111111111b",
        "41111111111111114111111111111111",
        "41 11 11 11 11 11 11 11",
    ],
)
def test_other_numbers_are_no_cards(text: str) -> None:
    assert found("cards", text) == []


@given(st.text(alphabet=string.digits, min_size=12, max_size=18))
def test_exactly_one_check_digit_fits(digits: str) -> None:
    assert sum(passes_luhn(digits + check) for check in string.digits) == 1


@pytest.mark.parametrize(("value", "is_random"), [("x9y8z7w6v5", True), ("KxQvZrTyPLmN", True), ("aaaaaaa1", False)])
def test_a_value_looks_random_by_its_characters(value: str, is_random: bool) -> None:
    assert looks_random(value) is is_random


HOSTILE = [
    "a",
    "1 ",
    "4444 ",
    "333 4",
    "a@",
    "a@b.",
    "a.",
    "@",
    "eyJ",
    "eyJaaaaaaaa.",
    "sk-",
    "sk-ant-",
    "-sk-",
    "token",
    "token=",
    'token="',
    'token="aaaaaaaa ',
    "password: a\n",
    "secret_",
    "authorization: ",
    "bearer ",
    "://",
    "://a:",
    "://a:b",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----AAAAAAAAAAAAAAAA\n",
    "AAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----",
    "-",
    "ghp_",
    "AKIA",
    "\u00a0",
]


def seconds_for(kind: str, text: str) -> float:
    started_s = time.process_time()
    list(FINDERS[kind](text))
    return time.process_time() - started_s


@pytest.mark.parametrize("kind", FINDERS)
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_mebibyte_of_hostile_text_takes_less_than_a_second(kind: str, piece: str) -> None:
    text = (piece * (MIB // len(piece) + 1))[:MIB]
    # Once more when something else took the processor's time.
    assert any(seconds_for(kind, text) < 1.0 for _ in range(2))


def test_finders_are_named_as_in_the_settings() -> None:
    assert dict(FINDERS) == {"keys": find_keys, "emails": find_emails, "cards": find_cards}
