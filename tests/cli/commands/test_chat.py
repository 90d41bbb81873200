import pytest

from tests.cli.conftest import Shell, Terminal
from tests.cli.fake_sonar import CITATION, FakeSonar, answer_events, task_reply

SAID = {"message": "Rotate them **monthly** [1].", "session": "s1", "citations": [CITATION]}


@pytest.fixture(autouse=True)
def chatting(sonar: FakeSonar) -> None:
    sonar.script.events = [*answer_events()[:-2], ("output", task_reply(SAID)), ("done", {})]


def test_each_line_is_answered_and_the_session_goes_on(shell: Shell, sonar: FakeSonar) -> None:
    done = shell.run("sonar", "chat", stdin="How?\n\nAnd then?\n")
    assert done.code == 0
    assert done.out.count("Rotate them **monthly** [1].\n\nSources:\n[1] docs/keys.md:3-5") == 2
    first, second = (body["input"] for path, body in sonar.asked if path == "/sonar/tasks/chat")
    assert first == {"messages": [{"role": "user", "content": "How?"}]}
    assert second == {"messages": [{"role": "user", "content": "And then?"}], "session": "s1"}


def test_commands_steer_the_talk(shell: Shell, sonar: FakeSonar) -> None:
    lines = [
        "/model openai:gpt-4o",
        "/local",
        "a",
        "/model",
        "/any",
        "/new",
        "b",
        "/sources",
        "/explain",
        "/nonsense",
        "/quit",
        "c",
    ]
    done = shell.run("sonar", "chat", stdin="\n".join(lines))
    bodies = [body for path, body in sonar.asked if path == "/sonar/tasks/chat"]
    assert [(body.get("model"), body.get("prefer")) for body in bodies] == [("openai:gpt-4o", "local"), (None, None)]
    assert "session" not in bodies[1]["input"]
    assert "There is no /nonsense." in done.err
    assert "Chosen: ollama" in done.err


def test_a_failure_ends_the_answer_and_not_the_chat(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [("error", {"code": "no_provider", "message": "No.", "hint": "ollama serve"})]
    done = shell.run("sonar", "chat", stdin="a\nb\n")
    assert (done.code, done.err) == (0, "Error: No. Fix: ollama serve\n" * 2)


def test_a_message_that_was_not_streamed_is_printed(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [("output", task_reply(SAID)), ("done", {})]
    assert "Rotate them" in shell.run("sonar", "chat", stdin="a\n").out


def test_a_chat_has_no_json(shell: Shell) -> None:
    assert shell.run("sonar", "chat", "--json").code == 2


def test_ctrl_c_stops_the_answer_and_ctrl_d_leaves(shell: Shell, sonar: FakeSonar, terminals: list[Terminal]) -> None:
    sonar.script.events = [("delta", {"text": "Half"}), lambda: sonar.hung_up.wait(10)]
    terminal = shell.terminal("sonar", "chat")
    terminals.append(terminal)
    terminal.wait_for("> ")
    terminal.type("How?\n")
    terminal.wait_for("Half")
    terminal.press_ctrl_c()
    terminal.wait_for("> ", after="Stopped.")
    sonar.hung_up.set()
    terminal.type("\x04")
    assert terminal.finish() == 0
    assert "Traceback" not in terminal.seen
