"""A key planted in every place a key can come from shows up in one place only: the header its provider receives."""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.system.harness import Home
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.threads import InThread, running_in_thread

QUESTION = "With what is the kettle descaled?"


def new_canary() -> str:
    return f"sk-or-v1-{secrets.token_hex(32)}"


@dataclass
class Cage:
    """One planted key, and everything that was said while it was in use."""

    home: Home
    openrouter: InThread[OpenRouterSimulator]
    canary: str
    said: list[str] = field(default_factory=list)

    def configure(self, **sonar: object) -> None:
        cloud = {"enabled": True, "host": f"http://127.0.0.1:{self.openrouter.port}/api/v1"}
        config = {"sonar": {"host": "127.0.0.1:9", "cloud": cloud, **sonar}}
        self.home.write_config(config)
        (self.home.root / "amalfa.config.json").chmod(0o600)

    def run(self, *arguments: str) -> str:
        ran = self.home.cli(*arguments)
        self.said += [ran.stdout, ran.stderr]
        return ran.stdout

    def ask(self, *flags: str) -> dict[str, object]:
        data: dict[str, object] = json.loads(self.run("ask", QUESTION, "--json", *flags))["data"]
        return data


@pytest.fixture
def cage(home: Home) -> Iterator[Cage]:
    canary = new_canary()
    with running_in_thread(OpenRouterSimulator(keys={canary})) as openrouter:
        yield Cage(home, openrouter, canary)


def in_environment(cage: Cage) -> None:
    cage.home.environ["OPENROUTER_API_KEY"] = cage.canary
    cage.configure()
    cage.home.cli("trust", "--yes")


def in_dotenv(cage: Cage) -> None:
    (cage.home.root / ".env").write_text(f'OPENROUTER_API_KEY="{cage.canary}"\n')
    cage.configure()


def in_a_named_variable(cage: Cage) -> None:
    (cage.home.root / ".env").write_text(f"MY_OWN_KEY={cage.canary}\n")
    cage.configure(providers={"openrouter": {"apiKey": "$MY_OWN_KEY"}})
    cage.home.cli("trust", "--yes")


def in_project_config(cage: Cage) -> None:
    cage.configure(providers={"openrouter": {"apiKey": cage.canary}})
    cage.home.cli("trust", "--yes")


def in_user_config(cage: Cage) -> None:
    user = Path(cage.home.environ["XDG_CONFIG_HOME"]) / "amalfa" / "amalfa.config.json"
    user.parent.mkdir(parents=True)
    user.write_text(json.dumps({"sonar": {"providers": {"openrouter": {"apiKey": cage.canary}}}}))
    user.chmod(0o600)
    cage.configure()
    cage.home.cli("trust", "--yes")


PLACES = [in_environment, in_dotenv, in_a_named_variable, in_project_config, in_user_config]


@pytest.mark.parametrize("plant", PLACES, ids=lambda plant: plant.__name__)
def test_a_planted_key_appears_in_no_artefact(cage: Cage, plant: Callable[[Cage], None]) -> None:
    plant(cage)
    assert cage.ask()["tier"] == "cloud", "the key is really in use"
    received = cage.openrouter.simulator.requests[-1].headers["authorization"]
    assert received == f"Bearer {cage.canary}"

    cage.openrouter.simulator.script(
        "*", {"status": 401, "body": {"error": {"code": 401, "message": f"Bad key {cage.canary}, {received}"}}}
    )
    assert cage.ask("--no-cache")["tier"] == "embedded"
    for command in (
        ("sonar", "status"),
        ("sonar", "status", "--json"),
        ("config", "show", "--origin"),
        ("config", "check"),
        ("doctor",),
        ("doctor", "--json"),
        ("ask", QUESTION, "--explain"),
        ("sonar", "logs", "-n", "1000"),
    ):
        cage.run(*command)
    (cage.home.root / "amalfa.config.json").write_text(f'{{"sonar": {{"model": 3, "x": "{cage.canary}"}}}}')
    cage.run("config", "check")
    cage.run("sonar", "reload")
    cage.run("sonar", "status")

    lines = [" ".join(psutil.Process(pid).cmdline()) for pid in cage.home.daemons()]
    cage.run("sonar", "stop")
    assert_clean("a command line", lines, cage.canary)
    assert_clean("what was printed", cage.said, cage.canary)
    for path in sorted(cage.home.state_folder.rglob("*")):
        if path.is_file():
            assert_clean(str(path), [path.read_bytes().decode("latin-1")], cage.canary)


def assert_clean(where: str, texts: list[str], canary: str) -> None:
    """Neither the key nor a telling part of it; the last few characters may be shown to tell keys apart."""
    secret = canary.removeprefix("sk-or-v1-")
    pieces = [secret[at : at + 12] for at in range(0, len(secret) - 12, 4)]
    found = [piece for piece in pieces for text in texts if piece in text]
    assert not found, f"the key leaks into {where}"
