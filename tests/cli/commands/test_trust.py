from tests.cli.conftest import Shell, Terminal

ASKING = '{"sonar": {"host": "gpu.example:8443"}, "docs": {"sources": ["/etc"]}}'


def ask_for_leave(shell: Shell) -> None:
    (shell.root / "amalfa.config.json").write_text(ASKING)


def test_a_project_that_asks_for_nothing_is_fine(shell: Shell) -> None:
    assert shell.call("trust").code == 0


def test_nobody_at_the_terminal_means_no(shell: Shell) -> None:
    ask_for_leave(shell)
    done = shell.run("trust", stdin="y\n")
    assert done.code == 9
    assert "gpu.example:8443" in done.out
    assert "/etc" in done.out
    assert "Fix: amalfa trust --yes" in done.err
    assert shell.call("config", "check").code == 9


def test_yes_approves_what_was_listed_and_nothing_else(shell: Shell) -> None:
    ask_for_leave(shell)
    assert shell.call("trust", "--yes").code == 0
    assert shell.call("config", "check").code == 0
    (shell.root / "amalfa.config.json").write_text(ASKING.replace("8443", "8444"))
    assert shell.call("config", "check").code == 9


def test_a_person_is_asked_and_may_say_no(shell: Shell, terminals: list[Terminal]) -> None:
    ask_for_leave(shell)
    for answer, code in (("n\n", 9), ("y\n", 0)):
        terminal = shell.terminal("trust")
        terminals.append(terminal)
        terminal.wait_for("Approve what it asks for?")
        terminal.type(answer)
        assert terminal.finish() == code


def test_json_tells_what_is_held_and_never_asks(shell: Shell) -> None:
    ask_for_leave(shell)
    done = shell.call("trust", "--json")
    assert done.code == 9
    assert {one["kind"] for one in done.json["data"]["held"]} == {"host", "path"}
    granted = shell.call("trust", "--json", "--yes")
    assert (granted.code, granted.json["data"]["held"]) == (0, [])


def test_a_broken_file_is_exit_8(shell: Shell) -> None:
    (shell.root / "amalfa.config.json").write_text("{ oops")
    assert shell.call("trust").code == 8


def test_a_folder_name_that_plays_tricks_stays_on_its_line(shell: Shell) -> None:
    (shell.root / "amalfa.config.json").write_text('{"docs": {"sources": ["/tmp/a\\u001b[2K\\nok  host x"]}}')
    out = shell.call("trust").out
    assert "\x1b" not in out
    assert not [line for line in out.splitlines() if line.startswith("ok")]
