"""Sonar against a stand-in for the deployed server: the configuration of the playbook, the proxy's rules, an Ollama."""

import base64
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from amalfa.calls import PrivacyClass, Wish
from amalfa.daemon.engine import Engine, open_engine
from amalfa.errors import AmalfaError
from amalfa.paths import Project, make_private_folder, places_for
from amalfa.tasks.desk import Terms
from amalfa.tasks.synthesize import GivenPassage, Synthesize, SynthesizeInput
from amalfa.tasks.task import Outcome
from tests.deploy.manifests import ROOT, built, only
from tests.fakes import Listener
from tests.upstreams.http_server import Exchange
from tests.upstreams.ollama import OllamaSimulator

PASSWORD = "correct horse 7"
MODEL = "qwen2.5:7b"
QUESTION = SynthesizeInput(question="Who keeps it?", passages=[GivenPassage(text="The lighthouse is kept by Aurelio.")])


class GuardedOllama(OllamaSimulator):
    """An Ollama behind the proxy as its settings describe it."""

    def __init__(self) -> None:
        super().__init__([MODEL])
        config = only(built("base"), "ConfigMap")["data"]["nginx.conf"]
        self._allowed = re.compile(re.findall(r"location ~ (\^/api/\S+\$) \{", config)[0])
        self._login = "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()

    @override
    async def answer(self, exchange: Exchange) -> None:
        if exchange.request.header("authorization") != self._login:
            page = b"<html><head><title>401 Authorization Required</title></head></html>"
            await exchange.whole(
                401, (("WWW-Authenticate", 'Basic realm="models"'), ("Content-Type", "text/html")), page
            )
        elif not self._allowed.match(exchange.request.path):
            await exchange.whole(403, (("Content-Type", "text/html"),), b"<html><title>403 Forbidden</title></html>")
        else:
            await super().answer(exchange)


def documented() -> dict[str, Any]:
    """The user's own configuration as the playbook gives it."""
    page = (ROOT / "playbooks" / "deploy.md").read_text()
    (block,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    return dict(json.loads(block))


@pytest.fixture
async def server() -> AsyncIterator[GuardedOllama]:
    async with GuardedOllama() as running:
        yield running


@pytest.fixture
def base() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="amalfa-d-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def sonar(
    base: Path, server: GuardedOllama, *, password: str = PASSWORD, is_local: bool | None = None
) -> AsyncIterator[Engine]:
    root, users = base / "notes", base / "config" / "amalfa" / "amalfa.config.json"
    root.mkdir()
    users.parent.mkdir(parents=True)
    own = documented()
    cluster = own["sonar"]["providers"]["cluster"]
    cluster["hosts"] = [server.url]
    if is_local is not None:
        cluster["local"] = is_local
    users.write_text(json.dumps(own))
    (root / "amalfa.config.json").write_text("{}")
    environ = {
        "HOME": str(base),
        "XDG_CONFIG_HOME": str(base / "config"),
        "AMALFA_HOME": str(base / "home"),
        "MODEL_SERVER_PASSWORD": password,
    }
    places = places_for(root, environ)
    make_private_folder(places.folder)
    project = Project(root, root / "amalfa.config.json")
    async with open_engine(project, places, environ, nonce="deploy", is_watching=False) as engine:
        yield engine


async def ask(engine: Engine) -> Outcome[Any] | AmalfaError:
    terms = Terms("req_1", Wish(), PrivacyClass.LOCAL_ONLY, 10.0)
    async with engine.lease() as desk:
        try:
            return await Synthesize().run(QUESTION, desk, terms, Listener())
        except AmalfaError as error:
            return error


async def test_a_local_only_text_is_answered_by_the_server_that_is_vouched_for(
    base: Path, server: GuardedOllama
) -> None:
    async with sonar(base, server) as engine:
        outcome = await ask(engine)
    assert not isinstance(outcome, AmalfaError), outcome
    assert outcome.route.model == f"cluster:{MODEL}"
    assert outcome.route.left_machine is None
    assert {request.status for request in server.requests} == {200}


async def test_without_the_users_word_a_local_only_text_stays_here(base: Path, server: GuardedOllama) -> None:
    async with sonar(base, server, is_local=False) as engine:
        outcome = await ask(engine)
    assert not isinstance(outcome, AmalfaError), outcome
    assert outcome.route.model == "embedded:extractive"
    assert not [request for request in server.requests if b"Aurelio" in request.body]


async def test_a_wrong_password_is_told_and_another_engine_answers(base: Path, server: GuardedOllama) -> None:
    async with sonar(base, server, password="wrong") as engine:
        outcome = await ask(engine)
    assert not isinstance(outcome, AmalfaError), outcome
    assert outcome.route.model == "embedded:extractive"
    assert {request.status for request in server.requests} == {401}
    assert "cluster" in outcome.route.reason
    assert "wrong" not in outcome.route.reason.replace("wrong password", "")
