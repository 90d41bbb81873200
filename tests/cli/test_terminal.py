import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.cli.terminal import Screen, file_url, note_link, screen_for, wants_color


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def live() -> Screen:
    return Screen(io.StringIO(), is_live=True, has_color=True)


@pytest.mark.parametrize(
    ("flag", "environ", "is_live", "wanted"),
    [
        pytest.param("always", {"NO_COLOR": "1"}, False, True, id="the flag wins over everything"),
        pytest.param("never", {"FORCE_COLOR": "1"}, True, False, id="so does never"),
        pytest.param("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False, id="NO_COLOR wins over FORCE_COLOR"),
        pytest.param("auto", {"NO_COLOR": ""}, True, True, id="an empty NO_COLOR is unset"),
        pytest.param("auto", {"FORCE_COLOR": "1"}, False, True, id="FORCE_COLOR reaches pipes"),
        pytest.param("auto", {}, True, True, id="a terminal has colour"),
        pytest.param("auto", {}, False, False, id="a pipe has none"),
    ],
)
def test_who_decides_on_colour(flag: str, environ: dict[str, str], is_live: bool, wanted: bool) -> None:
    assert wants_color(flag, environ, is_live=is_live) is wanted


def test_a_dumb_terminal_gets_no_codes_at_all() -> None:
    screen = screen_for(Tty(), color="auto", environ={"TERM": "dumb"})
    assert (screen.is_live, screen.has_color) == (False, False)
    assert screen.link("x", "file:///x") == "x"
    assert screen.paint("x", "bold") == "x"


def test_a_link_on_a_terminal_opens_the_file_at_its_line() -> None:
    shown = note_link(live(), "/home/me/notes", "a b/ü.md", (3, 9))
    assert shown == "\x1b]8;;file:///home/me/notes/a%20b/%C3%BC.md#L3\x1b\\a b/ü.md:3-9\x1b]8;;\x1b\\"


def test_a_link_in_a_pipe_is_its_place() -> None:
    screen = Screen(io.StringIO(), is_live=False, has_color=False)
    assert note_link(screen, "/r", "a.md", (3, 9)) == "a.md:3-9"
    assert note_link(screen, "/r", "a.md", (None, None)) == "a.md"


@given(st.text())
def test_no_file_name_breaks_out_of_its_link(name: str) -> None:
    shown = note_link(live(), "/r", name, (1, 1))
    assert shown.count("\x1b") == 4
    assert "\x07" not in shown
    assert file_url("/r", name, 1).isascii()


def test_the_width_falls_back_to_80_where_there_is_no_terminal() -> None:
    assert Screen(io.StringIO(), is_live=True, has_color=False).width == 80
