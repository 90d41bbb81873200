import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.cli.safe_text import PieceByPiece, safe, safe_json, safe_line

DANGEROUS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"]
DANGEROUS += ["\u202a", "\u202e", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c", "\ud800", "\udcff"]


@pytest.mark.parametrize("character", DANGEROUS, ids=lambda character: f"U+{ord(character):04X}")
def test_what_a_terminal_would_obey_is_shown_instead(character: str) -> None:
    shown = safe(f"a{character}b")
    assert character not in shown
    assert shown.isprintable()
    assert f"{ord(character):02x}" in shown


@pytest.mark.parametrize(
    ("attack", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]52;c;cm0gLXJm\x07", r"\x1b]52;c;cm0gLXJm\x07"),
        ("\x1b]8;;http://evil\x1b\\here", r"\x1b]8;;http://evil\x1b\here"),
        ("\x9b2J", r"\x9b2J"),
        ("safe\rrm -rf", r"safe\x0drm -rf"),
    ],
)
def test_attacks_lose_their_power_and_stay_visible(attack: str, shown: str) -> None:
    assert safe(attack) == shown


def test_ordinary_text_is_left_alone() -> None:
    text = "Zürich 東京 👩‍👩‍👧 \t tab\nline é"
    assert safe(text) == text


def test_windows_line_ends_become_plain_ones() -> None:
    assert safe("a\r\nb\r\n") == "a\nb\n"


def test_what_belongs_on_one_line_keeps_to_it() -> None:
    assert safe_line("a\nb\tc\r\n") == r"a\x0ab\x09c\x0d\x0a"


@given(st.lists(st.text(alphabet=st.sampled_from("ab\r\n\x1b\u202e")), max_size=12))
def test_pieces_read_the_same_as_the_whole(pieces: list[str]) -> None:
    cleaner = PieceByPiece()
    shown = "".join(cleaner.feed(piece) for piece in pieces) + cleaner.rest()
    assert shown == safe("".join(pieces))


def test_an_escape_sequence_cut_between_two_pieces_stays_harmless() -> None:
    cleaner = PieceByPiece()
    assert cleaner.feed("x\x1b") + cleaner.feed("[31m") == r"x\x1b[31m"


@given(st.text())
def test_json_means_the_same_after_it_was_made_safe(text: str) -> None:
    made = safe_json(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(made) == {"text": text}
    assert not any(character in made for character in DANGEROUS)
