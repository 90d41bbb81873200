import io
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalfa.cli.markdown_view import MarkdownView, render
from amalfa.cli.terminal import Screen

TEXT = """# Rotation

Run `keys rotate` **twice** [1].

- first
- second

```sh
keys rotate
```

Done [2]."""


class Terminal(io.StringIO):
    """A screen of 40 x 12 that keeps what a person would see, scrolled-off lines included."""

    def __init__(self, width: int = 40) -> None:
        super().__init__()
        self.width = width
        self.lines = [""]
        self.row = 0
        self.highest_row_touched = 0

    def write(self, text: str) -> int:
        for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\n|\r|[^\x1b\n\r]+", text):
            self._obey(part)
        return len(text)

    def _obey(self, part: str) -> None:
        if part == "\n":
            self.row += 1
            self.lines += [""] * (self.row + 1 - len(self.lines))
        elif part == "\r":
            self.lines[self.row] = self.lines[self.row]
        elif part.endswith("A"):
            self.row -= int(part[2:-1] or 1)
        elif part == "\x1b[J":
            self.lines[self.row :] = [""]
        elif not part.startswith("\x1b"):
            self.lines[self.row] += part
            assert len(self.lines[self.row]) <= self.width


class Window(Screen):
    @property
    def width(self) -> int:
        return 40

    @property
    def height(self) -> int:
        return 12


def draw(*pieces: str, has_color: bool = False, is_live: bool = True) -> str:
    terminal = Terminal()
    view = MarkdownView(Window(terminal, is_live=is_live, has_color=has_color))
    for piece in pieces:
        view.add(piece)
    view.finish()
    return "\n".join(terminal.lines).rstrip("\n")


def test_an_answer_drawn_piece_by_piece_looks_like_one_drawn_whole() -> None:
    whole = draw(TEXT)
    assert "keys rotate" in whole
    assert "**" not in whole
    assert draw(*TEXT) == whole


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, len(TEXT) - 1), max_size=12))
def test_nothing_is_drawn_twice_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    edges = sorted({0, *cuts, len(TEXT)})
    assert draw(*(TEXT[start:end] for start, end in itertools.pairwise(edges))) == draw(TEXT)


def test_unfinished_words_are_seen_before_their_block_is_whole() -> None:
    terminal = Terminal()
    view = MarkdownView(Window(terminal, is_live=True, has_color=False))
    view.add("The answer **is")
    assert terminal.lines == ["The answer **is"]


def test_a_block_taller_than_the_screen_is_not_drawn_twice() -> None:
    words = " ".join(f"word{number}" for number in range(400))
    shown = draw(*(words[start : start + 7] for start in range(0, len(words), 7)))
    assert shown.split() == words.split()


def test_without_a_live_screen_nothing_moves_the_cursor() -> None:
    stream = io.StringIO()
    view = MarkdownView(Window(stream, is_live=False, has_color=True))
    for character in TEXT:
        view.add(character)
    view.finish()
    codes = set(re.findall(r"\x1b\[[0-9;]*([A-Za-z])", stream.getvalue()))
    assert codes == {"m"}


@pytest.mark.parametrize("attack", ["\x1b[2J", "&#x202e;gpj.exe", "\x9b31m", "&#27;[31m", "a\rb", "&#x2066;x"])
def test_no_control_character_survives_the_drawing(attack: str) -> None:
    shown = draw(f"before {attack} after\n\n`{attack}`\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)


def test_a_link_shows_where_it_leads() -> None:
    text = render("[your bank](http://evil.example) ![x](http://track.example/p.png)", width=80, has_color=True)
    assert "http://evil.example" in text
    assert "http://track.example/p.png" in text
    assert "\x1b]8" not in text


def test_wide_scripts_and_tabs_wrap_within_the_screen() -> None:
    text = "東京" * 30 + "\tend"
    stream = io.StringIO()
    view = MarkdownView(Window(stream, is_live=True, has_color=False))
    view.add(text)
    assert stream.getvalue().count("\n") == 3
    view.finish()
