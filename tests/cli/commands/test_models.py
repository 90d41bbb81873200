import signal
import threading

import pytest

from tests.cli.conftest import Shell, Terminal
from tests.cli.fake_sonar import FakeSonar
from tests.cli.test_models_text import CLOUD, LOCAL
from tests.cli.test_output_schema import check

LIST = {"models": [LOCAL, LOCAL | CLOUD], "unreachable": [], "as_of": {}}
PULLED = {
    "action": "pull",
    "model": "phi3:mini",
    "dry_run": False,
    "changes": True,
    "hosts": ["http://gpu1:11434"],
    "does": ["phi3:mini would be downloaded to http://gpu1:11434."],
    "warnings": [],
    "pushed_out": [],
    "refusal": None,
}


def progress(completed: int | None = None, status: str = "pulling 18ab") -> tuple[str, object]:
    total = None if completed is None else 10**9
    return "progress", {"status": status, "completed": completed, "total": total, "host": "http://gpu1:11434"}


def test_local_and_cloud_models_stand_in_one_table(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/models"] = LIST
    done = shell.call("models", "list")
    assert (done.code, done.err) == (0, "")
    assert "ollama:qwen2.5:1.5b" in done.out
    assert "openrouter:qwen/qwen-2.5-72b-instruct" in done.out
    assert len(done.out.splitlines()) == 3
    assert shell.call("models", "list", "--json").json["data"] == LIST


def test_words_and_all_go_along(shell: Shell, sonar: FakeSonar) -> None:
    asked = "/sonar/models?all=true&q=qwen%2072b"
    sonar.script.replies[asked] = LIST
    assert shell.call("models", "list", "qwen", "72b", "--all").code == 0
    assert sonar.asked[-1][0] == asked


def test_no_such_model_is_nothing_found(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/models?q=moon"] = LIST | {"models": []}
    done = shell.call("models", "list", "moon")
    assert (done.code, done.out) == (4, "")
    assert "No model is called like 'moon'" in done.err
    assert shell.call("models", "list", "moon", "--json").code == 4


def test_a_host_that_is_down_is_told_beside_the_table(shell: Shell, sonar: FakeSonar) -> None:
    down = {"provider": "ollama", "url": "http://gpu9", "reason": "could not be reached"}
    sonar.script.replies["/sonar/models"] = LIST | {"unreachable": [down]}
    done = shell.call("models", "list")
    assert (done.code, done.err) == (0, "http://gpu9: could not be reached\n")
    assert shell.call("models", "list", "--quiet").err == ""


def test_one_model_is_asked_for_by_its_name_whatever_is_in_it(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/models/openrouter%3Aqwen%2Fqwen-2.5-72b-instruct"] = CLOUD
    done = shell.call("models", "info", "openrouter:qwen/qwen-2.5-72b-instruct")
    assert done.code == 0
    assert "price     0.12, 0.39" in done.out


def test_a_load_says_what_was_done_and_warns(shell: Shell, sonar: FakeSonar) -> None:
    loaded = PULLED | {"action": "load", "model": "m", "warnings": ["It is tight."]}
    sonar.script.events = [("phase", {"text": "loading m"}), ("output", loaded), ("done", {})]
    done = shell.call("models", "load", "m", "--host", "gpu1")
    assert (done.code, done.out, done.err) == (
        0,
        "m is in memory at http://gpu1:11434.\n",
        "Warning: It is tight.\n",
    )
    assert sonar.asked[-1] == ("/sonar/models/m/load", {"host": "gpu1", "stream": True})


def test_an_unload_can_be_forced(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/models/m/unload"] = PULLED | {"action": "unload", "model": "m"}
    done = shell.call("models", "unload", "m", "--force")
    assert (done.code, done.out) == (0, "m leaves memory at http://gpu1:11434.\n")
    assert sonar.last_body == {"force": True}


@pytest.mark.parametrize("action", ["load", "unload", "pull"])
def test_a_dry_run_prints_what_would_happen(shell: Shell, sonar: FakeSonar, action: str) -> None:
    told = PULLED | {"dry_run": True}
    sonar.script.events = [("output", told), ("done", {})]
    sonar.script.replies["/sonar/models/phi3%3Amini/unload"] = told
    done = shell.call("models", action, "phi3:mini", "--dry-run")
    assert (done.code, done.out) == (0, "phi3:mini would be downloaded to http://gpu1:11434.\n")
    assert sonar.last_body["dryRun"] is True


def test_a_pull_in_a_pipe_prints_plain_lines(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [
        progress(status="pulling manifest"),
        *(progress(percent * 10**7) for percent in range(101)),
        ("output", PULLED),
        ("done", {}),
    ]
    done = shell.call("models", "pull", "phi3:mini")
    assert (done.code, done.out) == (0, "phi3:mini is installed at http://gpu1:11434.\n")
    assert done.err.splitlines()[:2] == ["http://gpu1:11434: pulling manifest", "http://gpu1:11434: 0 % of 1.0 GB"]
    assert len(done.err.splitlines()) == 12
    assert shell.call("models", "pull", "phi3:mini", "--quiet").err == ""
    assert shell.call("models", "pull", "phi3:mini", "--json").json["data"] == PULLED


def test_a_pull_on_a_terminal_draws_a_bar_and_takes_it_away(
    shell: Shell, sonar: FakeSonar, terminals: list[Terminal]
) -> None:
    sonar.script.events = [*(progress(percent * 10**7) for percent in range(101)), ("output", PULLED), ("done", {})]
    terminal = shell.terminal("models", "pull", "phi3:mini")
    terminals.append(terminal)
    assert terminal.finish() == 0
    assert "/1.0 GB" in terminal.seen
    assert terminal.seen.rstrip().endswith("phi3:mini is installed at http://gpu1:11434.")


def test_a_pull_that_fails_is_told_with_its_fix(shell: Shell, sonar: FakeSonar) -> None:
    error = {"code": "model_missing", "message": "The registry has no model x.", "hint": "check its name"}
    sonar.script.events = [progress(1), ("error", error), ("done", {})]
    done = shell.call("models", "pull", "x")
    assert (done.code, done.out) == (5, "")
    assert done.err.endswith("Error: The registry has no model x. Fix: check its name\n")


def test_a_cloud_name_is_a_usage_error(shell: Shell, sonar: FakeSonar) -> None:
    error = {"code": "usage", "message": "openrouter:a/b runs in the cloud; there is nothing to pull.", "hint": ""}
    sonar.script.failures["/sonar/models/openrouter%3Aa%2Fb/pull"] = (400, error)
    assert shell.call("models", "pull", "openrouter:a/b").code == 2


def test_a_pull_that_is_cut_off_is_no_success(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [progress(1), ("done", {})]
    done = shell.call("models", "pull", "x")
    assert done.code == 3
    assert "without a word" in done.err


def test_ctrl_c_leaves_a_pull_and_says_that_it_goes_on_next_time(shell: Shell, sonar: FakeSonar) -> None:
    release = threading.Event()
    sonar.script.events = [progress(10**8), lambda: release.wait(10)]
    running = shell.start("models", "pull", "phi3:mini")
    assert running.stderr is not None
    assert b"10 %" in running.stderr.readline()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=10)
    release.set()
    assert running.returncode == 130
    assert b"`amalfa models pull phi3:mini` goes on with it" in err
    assert b"Traceback" not in err


@pytest.mark.parametrize("command", ["list", "info", "load", "unload", "pull"])
def test_what_is_printed_in_json_fits_the_schema(shell: Shell, sonar: FakeSonar, command: str) -> None:
    sonar.script.replies |= {"/sonar/models": LIST, "/sonar/models/m": LOCAL, "/sonar/models/m/unload": PULLED}
    sonar.script.events = [("output", PULLED), ("done", {})]
    arguments = () if command == "list" else ("m",)
    check(f"models {command}", shell.call("models", command, *arguments, "--json").json)
