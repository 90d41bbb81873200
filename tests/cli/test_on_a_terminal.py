"""What a person sees: the real command on a pseudo-terminal."""

import re

import pytest

from tests.cli.conftest import Shell, Terminal
from tests.cli.fake_sonar import ANSWER, PASSAGE, FakeSonar, answer_events

TEXT = "# Keys\n\nRotate them **monthly** [1].\n\n- first\n- second\n\n```sh\nkeys rotate\n```\n"


def open_terminal(
    shell: Shell, terminals: list[Terminal], *arguments: str, columns: int = 80, **environ: str
) -> Terminal:
    terminal = shell.terminal(*arguments, columns=columns, **environ)
    terminals.append(terminal)
    return terminal


def words_of(seen: str) -> str:
    """What stays on the screen, codes aside, of output in which previews are wiped line by line."""
    text = re.sub(r"\x1b\]8;;[^\x1b]*\x1b\\", "", seen)
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", text)


def test_the_answer_is_drawn_and_its_source_opens_the_file_at_its_line(
    shell: Shell, sonar: FakeSonar, terminals: list[Terminal]
) -> None:
    sonar.script.events = [*answer_events(ANSWER | {"answer": TEXT}, *TEXT)]
    terminal = open_terminal(shell, terminals, "ask", "How?")
    assert terminal.finish() == 0
    assert "\x1b[1mmonthly\x1b[0m" in terminal.seen
    assert f"\x1b]8;;file://{shell.root}/docs/keys.md#L3\x1b\\docs/keys.md:3-5\x1b]8;;\x1b\\" in terminal.seen
    assert "\x1b[2mstayed here: qwen2.5:1.5b" in terminal.seen


def test_words_are_seen_before_their_paragraph_is_whole(
    shell: Shell, sonar: FakeSonar, terminals: list[Terminal]
) -> None:
    first, *rest = answer_events(ANSWER, "Rotate th", "em **monthly** [1].")[2:]
    sonar.script.events = [first, lambda: sonar.hung_up.wait(10), *rest]
    terminal = open_terminal(shell, terminals, "ask", "How?")
    terminal.wait_for("Rotate th")
    sonar.hung_up.set()
    assert terminal.finish() == 0


@pytest.mark.parametrize(
    ("phase", "shown"),
    [("loading qwen2.5:1.5b", "loading qwen2.5:1.5b 1 s"), ("x\x1b[2J\n", r"x\x1b[2J\x0a")],
)
def test_a_long_wait_names_its_phase_and_the_line_goes_away(
    shell: Shell, sonar: FakeSonar, terminals: list[Terminal], phase: str, shown: str
) -> None:
    steps = answer_events()
    sonar.script.events = [("phase", {"text": phase}), lambda: sonar.hung_up.wait(10), *steps]
    terminal = open_terminal(shell, terminals, "ask", "How?")
    terminal.wait_for(shown)
    sonar.hung_up.set()
    assert terminal.finish() == 0
    assert terminal.seen.rindex(shown) < terminal.seen.rindex("\r\x1b[K") < terminal.seen.index("Rotate")


def test_a_quick_answer_shows_no_spinner(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    terminal = open_terminal(shell, terminals, "ask", "How?")
    terminal.finish()
    assert "\x1b[K" not in terminal.seen


def test_quiet_shows_no_spinner(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    sonar.script.events = [lambda: sonar.hung_up.wait(0.6), *answer_events()]
    terminal = open_terminal(shell, terminals, "ask", "-q", "How?")
    terminal.finish()
    assert "\x1b[K" not in terminal.seen


def test_no_color_leaves_out_colours_and_keeps_links(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    for environ, flags in (({"NO_COLOR": "1"}, []), ({}, ["--color", "never"])):
        terminal = open_terminal(shell, terminals, "ask", *flags, "How?", **environ)
        assert terminal.finish() == 0
        assert not re.search(r"\x1b\[[0-9;]*m", terminal.seen)
        assert "\x1b]8;;file://" in terminal.seen
        assert "monthly" in terminal.seen


def test_a_dumb_terminal_gets_plain_text(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    terminal = open_terminal(shell, terminals, "ask", "How?", TERM="dumb")
    assert terminal.finish() == 0
    assert "\x1b" not in terminal.seen
    assert "Rotate them **monthly** [1].\r\n" in terminal.seen


def test_forty_columns_are_enough(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    text = "A paragraph that is certainly longer than forty columns. " * 4
    sonar.script.events = [*answer_events(ANSWER | {"answer": text}, text)]
    terminal = open_terminal(shell, terminals, "ask", "--explain", "How?", columns=40)
    assert terminal.finish() == 0
    drawn = terminal.seen[terminal.seen.rindex("\x1b[J") :] if "\x1b[J" in terminal.seen else terminal.seen
    lines = words_of(drawn).splitlines()
    assert all(len(line) <= 40 for line in lines if "paragraph" in line or "columns" in line)
    assert "  verdict: planned" in lines


def test_a_models_escape_sequences_do_not_reach_the_terminal(
    shell: Shell, sonar: FakeSonar, terminals: list[Terminal]
) -> None:
    attack = "a\x1b]52;c;Zm9v\x07 b\x9b31m &#x202e; \x1b[2J `c\x1b[5m`\r\rx"
    sonar.script.events = [*answer_events(ANSWER | {"answer": attack}, *attack)]
    terminal = open_terminal(shell, terminals, "ask", "How?")
    assert terminal.finish() == 0
    for code in ("\x1b]52", "\x07", "\x9b", "\u202e", "\x1b[2J", "\x1b[5m"):
        assert code not in terminal.seen
    assert r"\x1b]52" in terminal.seen


def test_search_shows_what_it_found(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    odd = {"text": "first\x1b[2J\n\nsecond\nthird\nfourth", "summary": "It is\x07 about keys."}
    sonar.script.replies["/sonar/search"] = {"passages": [PASSAGE | odd]}
    terminal = open_terminal(shell, terminals, "search", "x")
    assert terminal.finish() == 0
    shown = words_of(terminal.seen).splitlines()
    first, *excerpt, summary = shown
    assert first == "docs/keys.md:3-5  Keys > Rotation"
    assert excerpt == [r"    first\x1b[2J", "    second", "    third"]
    assert summary == r"    summary: It is\x07 about keys."


def test_ctrl_c_on_a_terminal_leaves_a_clean_line(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    sonar.script.events = [("phase", {"text": "searching"}), lambda: sonar.hung_up.wait(10)]
    terminal = open_terminal(shell, terminals, "ask", "How?")
    terminal.wait_for("searching")
    terminal.press_ctrl_c()
    assert terminal.finish() == 130
    sonar.hung_up.set()
    assert "Traceback" not in terminal.seen
    assert terminal.seen.endswith("Interrupted.\r\n")


def test_colour_may_be_asked_for_in_a_pipe(shell: Shell, sonar: FakeSonar) -> None:
    for done in (shell.run("ask", "--color", "always", "How?"), shell.run("ask", "How?", FORCE_COLOR="1")):
        assert "\x1b[1mmonthly\x1b[0m" in done.out
        assert "\x1b]8" not in done.out
        assert "\x1b[J" not in done.out


def test_logs_are_for_reading_on_a_terminal(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    sonar.places.log.parent.mkdir()
    sonar.places.log.write_text('{"at": "12:00", "level": "info", "event": "it \\u001b[2J began", "pid": 7}\n')
    terminal = open_terminal(shell, terminals, "sonar", "logs")
    terminal.finish()
    assert terminal.seen == "12:00 info     it \\x1b[2J began pid=7\r\n"
