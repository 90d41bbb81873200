"""Amounts drawn as bars."""

import io

import pytest

from amalfa.cli.bars import Bar, bars
from amalfa.cli.terminal import Screen

ROWS = [Bar("mon", 4.0, "4"), Bar("tuesday", 1.0, "1"), Bar("wed", 0.0, "0"), Bar("thu", 0.0001, "tiny")]


def screen(*, is_live: bool = False, has_color: bool = False) -> Screen:
    return Screen(io.StringIO(), is_live=is_live, has_color=has_color)


def test_in_a_pipe_bars_are_plain_signs_in_proportion() -> None:
    title, *lines = bars("Calls", ROWS, screen()).splitlines()
    assert title == "Calls"
    assert [line.count("#") for line in lines] == [50, 12, 0, 1]
    assert lines[0].startswith("mon         4  ##")
    assert bars("Calls", ROWS, screen()).isascii()


def test_on_a_terminal_bars_are_blocks() -> None:
    drawn = bars("Calls", ROWS, screen(is_live=True))
    assert "█" * 12 in drawn
    assert "#" not in drawn
    assert "\x1b" not in drawn
    assert len(drawn.splitlines()[4]) > len("thu      tiny")


def test_colour_is_used_where_it_is_wanted() -> None:
    assert "\x1b[36m█" in bars("Calls", ROWS, screen(has_color=True))


@pytest.mark.parametrize("rows", [[], [Bar("mon", 0.0, "0")]])
def test_nothing_is_drawn_of_nothing(rows: list[Bar]) -> None:
    assert "#" not in bars("Calls", rows, screen())
