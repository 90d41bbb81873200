"""`amalfa metadata` over a folder, with a real sonar and a simulated model server."""

import signal
from collections.abc import Iterator

import pytest

from amalfa.knowledge.front_matter_write import without_block
from tests.system.harness import Home, ended, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.threads import InThread, running_in_thread

KEY = "sk-or-v1-" + "ca11ab1e" * 8
NOTES = {
    "notes/one.md": "---\r\ntitle: One   # mine\r\n---\r\nThe kettle is descaled with vinegar every month.\r\n",
    "notes/two.md": "# Two\n\nThe pump is greased in spring, and its filter is changed in autumn.",
    "notes/broken.md": "---\na: [1\n---\nThe boiler is checked by the plumber once a year in May.\n",
}


@pytest.fixture
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(models=["qwen2.5:1.5b"])) as simulator:
        yield simulator


def asked(ollama: InThread[OllamaSimulator]) -> int:
    return sum(request.path == "/api/chat" for request in ollama.simulator.requests)


def write_notes(home: Home) -> None:
    for path, text in NOTES.items():
        home.write_note(path, "").write_bytes(text.encode())


def test_a_folder_is_described_once_and_written_to_the_byte(home: Home, ollama: InThread[OllamaSimulator]) -> None:
    write_notes(home)
    home.write_config({"sonar": {"host": f"127.0.0.1:{ollama.port}"}})
    done = home.json("metadata", "notes")
    assert (done["done"], done["failed"], done["unchanged"]) == (3, 0, 0)
    calls = asked(ollama)
    written = home.json("metadata", "notes", "--write")
    assert (written["written"], [one["path"] for one in written["left_alone"]]) == (2, ["notes/broken.md"])
    for path, text in NOTES.items():
        now = (home.root / path).read_bytes().decode()
        assert without_block(now) == text
        assert (now == text) == (path == "notes/broken.md")
    again = home.cli("metadata", "notes")
    assert (again.returncode, again.stdout) == (0, "Nothing to do: 3 notes unchanged.\n")
    assert asked(ollama) == calls


def test_a_paid_job_is_not_begun_without_leave(home: Home) -> None:
    write_notes(home)
    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
    with running_in_thread(OpenRouterSimulator(keys={KEY})) as openrouter:
        cloud = {"enabled": True, "host": f"http://127.0.0.1:{openrouter.port}/api/v1"}
        home.write_config({"sonar": {"cloud": cloud}})
        refused = home.cli("metadata", "notes")
        assert refused.returncode == 2
        assert "This job costs money: 3 notes" in refused.stderr
        assert "--yes" in refused.stderr
        assert home.json("jobs", "list")["jobs"] == []
        assert not any("chat" in request.path for request in openrouter.simulator.requests)
        home.spawn("metadata", "notes", "--yes", "--limit", "1")
        wait_until(lambda: any("chat" in request.path for request in openrouter.simulator.requests))
        assert [job["total"] for job in home.json("jobs", "list")["jobs"]] == [1]


def test_leaving_a_job_does_not_stop_it(home: Home, ollama: InThread[OllamaSimulator]) -> None:
    ollama.simulator.token_ms = 10.0
    for number in range(12):
        home.write_note(f"notes/n{number}.md", f"Pump {number} is greased in spring, its filter changed in autumn.")
    home.write_config({"sonar": {"host": f"127.0.0.1:{ollama.port}"}})
    home.start()
    following = home.spawn("metadata", "notes")
    wait_until(lambda: home.json("jobs", "list")["jobs"] or following.poll() is not None)
    following.send_signal(signal.SIGINT)
    code, _, said = ended(following)
    assert code == 130, said
    job_id = home.json("jobs", "list")["jobs"][0]["id"]
    assert f"amalfa jobs show {job_id}" in said
    assert f"{job_id} done: 12 done" in home.cli("jobs", "show", job_id).stdout
