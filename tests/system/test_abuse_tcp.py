"""The open port of a real sonar: who is served, who is not, and that whoever is not costs nothing."""

import json
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from amalfa.server.routes import ROUTES
from tests.server.serving import words_of
from tests.system.callers import Caller, Said, free_port, on_port, on_socket
from tests.system.harness import Home, new_home, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

MODEL = "qwen2.5:1.5b"
SECRET = "The kettle is descaled with vinegar"
QUESTION = {"question": "How is the kettle descaled?"}


@dataclass(frozen=True, slots=True)
class House:
    """A sonar with an open port, a model server behind it, and both ways to call it."""

    home: Home
    ollama: InThread[OllamaSimulator]
    port: int
    token: str
    program: Caller
    neighbour: Caller

    @property
    def chats(self) -> int:
        """How often a model was asked. A request to generate nothing only brings the model into memory."""
        asked = [one for one in self.ollama.simulator.requests if one.path in ("/api/chat", "/api/generate")]
        return len([one for one in asked if one.path == "/api/chat" or one.json.get("prompt")])

    @property
    def spent(self) -> object:
        """What the ledger says."""
        return self.neighbour.call("GET", "/sonar/usage").json["total"]


def settings(port: int, ollama: InThread[OllamaSimulator], **http: object) -> dict[str, object]:
    return {"sonar": {"host": f"127.0.0.1:{ollama.port}", "http": {"enabled": True, "port": port, **http}}}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with new_home() as home, running_in_thread(OllamaSimulator(models=[MODEL])) as ollama:
        port = free_port()
        home.write_config(settings(port, ollama))
        home.start()
        token = home.cli("sonar", "token").stdout.strip()
        yield House(home, ollama, port, token, on_port(port, token), on_socket(home.places.socket))


def test_a_program_with_the_token_is_served(house: House) -> None:
    assert house.program.call("GET", "/sonar/health").json["ok"] is True
    answer = house.program.call("POST", "/sonar/ask", QUESTION)
    assert (answer.status, answer.json["model"]) == (200, f"ollama:{MODEL}")


def test_status_names_the_port_and_nothing_names_the_token(house: House) -> None:
    found = house.home.json("sonar", "status")
    url = f"http://127.0.0.1:{house.port}"
    assert found["http"] == {"enabled": True, "host": "127.0.0.1", "port": house.port, "url": url}
    assert [one["message"] for one in found["config"]["warnings"]] == []
    shown = house.home.cli("sonar", "status").stdout
    assert f"http      {url}" in shown
    on_port(house.port, "a-wrong-token-for-the-log").call("GET", "/sonar/health")
    line = " ".join(psutil.Process(house.home.pid).cmdline())
    seen = json.dumps(found) + shown + house.home.log_text + line
    assert house.token not in seen
    wait_until(lambda: "showed no valid token" in house.home.log_text)
    assert "a-wrong-token" not in seen + house.home.log_text


@pytest.mark.parametrize(
    "path",
    ["/sonar/health", "/sonar/status", "/openapi.json", "/metrics", "/nowhere", "/", "/v1/models", "/api/tags"],
)
@pytest.mark.parametrize("shown", [None, "Bearer wrong", "Basic YTpi"])
def test_without_the_token_nothing_is_told(house: House, path: str, shown: str | None) -> None:
    said = house.program.call("GET", path, headers={"Authorization": shown})
    assert (said.status, said.headers["www-authenticate"]) == (401, "Bearer")
    assert "token" in words_of(path, said.body)
    assert SECRET.encode() not in said.body


@pytest.mark.parametrize("row", [row for row in ROUTES if row.method != "GET"], ids=lambda row: row.path)
def test_without_the_token_nothing_is_done(house: House, row: Any) -> None:
    pid, chats = house.home.pid, house.chats
    path = row.path.replace("{task}", "analyze").replace("{name:path}", MODEL)
    said = house.program.call(row.method, path, {}, headers={"Authorization": None})
    assert said.status == 401
    assert "token" in words_of(path, said.body)
    assert house.home.lives_as(pid)
    assert house.chats == chats


def _as_page(origin: str | None, **more: str) -> dict[str, str | None]:
    """The headers of a browser, which never holds the token."""
    return {
        "Authorization": None,
        "Origin": origin,
        "User-Agent": "Mozilla/5.0",
        "Sec-Fetch-Site": "cross-site",
        "Referer": "https://evil.test/",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


EVIL = "https://evil.test"
PAGES: Mapping[str, tuple[str, Mapping[str, str | None]]] = {
    "a simple request": ("POST", _as_page(EVIL, Content_Type="text/plain", Sec_Fetch_Mode="cors")),
    "a preflight": (
        "OPTIONS",
        _as_page(
            EVIL,
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="authorization,content-type",
            Access_Control_Request_Private_Network="true",
            Sec_Fetch_Mode="cors",
        ),
    ),
    "what would follow the preflight": ("POST", _as_page(EVIL, Content_Type="application/json")),
    "no-cors": ("POST", _as_page(None, Content_Type="text/plain", Sec_Fetch_Mode="no-cors")),
    "an image": ("GET", _as_page(None, Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image")),
    "a form": ("POST", _as_page(EVIL, Content_Type="application/x-www-form-urlencoded", Sec_Fetch_Mode="navigate")),
    "a form with a file": ("POST", _as_page(EVIL, Content_Type="multipart/form-data; boundary=x")),
    "a sandboxed frame": ("POST", _as_page("null", Content_Type="application/json")),
    "a beacon": ("POST", _as_page(EVIL, Content_Type="text/plain;charset=UTF-8", Sec_Fetch_Dest="empty")),
    "a typed address": ("GET", _as_page(None, Sec_Fetch_Site="none", Sec_Fetch_Mode="navigate")),
    "a rebound name": (
        "POST",
        _as_page("http://evil.test", Host="evil.test", Sec_Fetch_Site="same-origin", Content_Type="application/json"),
    ),
    "an old browser on a rebound name": (
        "POST",
        {"Host": "evil.test", "Authorization": None, "Content-Type": "application/json"},
    ),
    "an old browser that says nothing": ("POST", {"Authorization": None, "Content-Type": "text/plain"}),
    "another page of this machine": ("POST", _as_page("http://localhost:3000", Sec_Fetch_Site="same-site")),
}
TARGETS = {
    "/sonar/ask": QUESTION,
    "/sonar/shutdown": {},
    "/sonar/reload": {},
    "/v1/chat/completions": {"model": "amalfa", "messages": [{"role": "user", "content": "hi"}]},
    "/api/chat": {"model": "amalfa", "messages": [{"role": "user", "content": "hi"}], "stream": False},
}


@pytest.mark.parametrize("page", PAGES)
def test_h10_h11_a_browser_page_from_another_origin_can_neither_read_nor_spend(house: House, page: str) -> None:
    method, headers = PAGES[page]
    pid, chats, spent = house.home.pid, house.chats, house.spent
    for path, body in TARGETS.items():
        said = house.program.call(method, path, body, headers=headers)
        assert said.status in (401, 403, 415), (path, said)
        assert words_of(path, said.body)
        assert not [name for name in said.headers if name.startswith("access-control")]
        assert SECRET.encode() not in said.body
    assert (house.chats, house.spent) == (chats, spent)
    assert house.home.lives_as(pid)
    assert house.neighbour.call("GET", "/sonar/health").status == 200


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_h11_even_a_page_that_stole_the_token_is_refused(house: House, header: str) -> None:
    value = f"http://127.0.0.1:{house.port}" if header == "Origin" else "same-origin"
    assert house.program.call("POST", "/sonar/ask", QUESTION, headers={header: value}).status == 403


def test_h11_get_changes_nothing(house: House) -> None:
    def seen() -> object:
        status = house.neighbour.call("GET", "/sonar/status").json
        return house.chats, house.spent, status["config"]["generation"], status["index"]["updated_at"], status["pid"]

    before = seen()
    readable = {row.path for row in ROUTES if row.method == "GET"}
    for row in ROUTES:
        if row.method == "GET":
            path = row.path.replace("{name:path}", MODEL)
            assert house.program.call("GET", path).status in (200, 400, 404), path
        path = row.path.replace("{name:path}", MODEL).replace("{task}", "analyze")
        if row.method == "POST" and not path.startswith("/sonar/models") and row.path not in readable:
            assert house.program.call("GET", path).status in (404, 405), path
    assert seen() == before


@pytest.mark.parametrize("way", ["program", "neighbour"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/sonar/ask", 405),
        ("DELETE", "/sonar/ask", 405),
        ("BREW", "/sonar/ask", 400),
        ("POST", "/sonar/health", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/sonar/../sonar/health", 404),
        ("GET", "/sonar/%2e%2e/sonar/health", 404),
        ("GET", "//sonar/health", 404),
        ("GET", "/sonar/health/", 404),
        ("GET", "http://evil.test/sonar/health", 404),
        ("GET", "/sonar/health%00", 404),
    ],
)
def test_f13_what_is_not_there_is_told_in_json(house: House, way: str, method: str, path: str, status: int) -> None:
    caller: Caller = getattr(house, way)
    said = caller.call(method, path)
    assert (said.status, said.code) == (status, "not_found" if status == 404 else "usage")


@pytest.mark.parametrize("way", ["program", "neighbour"])
def test_f13_a_body_of_another_type_is_415(house: House, way: str) -> None:
    caller: Caller = getattr(house, way)
    said = caller.call("POST", "/sonar/ask", QUESTION, headers={"Content-Type": "text/plain"})
    assert (said.status, said.code) == (415, "usage")


def test_f16_fifty_requests_with_one_key_are_one_call_and_a_restart_remembers_it(house: House) -> None:
    house.ollama.simulator.script(MODEL, {"text": f"{SECRET} every second month [1].", "delay_ms": 500})
    body = {"question": "How often is the kettle descaled?", "idempotencyKey": "fifty"}
    before = house.chats

    def ask(number: int) -> Said:
        caller = house.program if number % 2 else house.neighbour
        return caller.call("POST", "/sonar/ask", body)

    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(ask, range(50)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert house.chats == before + 1
    other = house.program.call("POST", "/sonar/ask", {**body, "k": 3})
    assert (other.status, other.code) == (422, "idempotency_mismatch")

    assert house.home.cli("sonar", "restart").returncode == 0
    again = house.program.call("POST", "/sonar/ask", body)
    assert (again.body, again.headers["idempotency-replayed"]) == (replies[0].body, "true")
    assert house.program.call("POST", "/sonar/ask", {**body, "k": 3}).status == 422
    assert house.chats == before + 1


def test_f16_the_openai_door_takes_the_header(house: House) -> None:
    house.ollama.simulator.script(MODEL, "Hello.", "Hello again.")
    body = {"model": "amalfa", "messages": [{"role": "user", "content": "Say hello to the keys."}]}
    key: dict[str, str | None] = {"Idempotency-Key": "door"}
    before = house.chats
    first, second = [house.program.call("POST", "/v1/chat/completions", body, key) for _ in range(2)]
    assert (first.status, first.body) == (200, second.body)
    assert first.headers["x-amalfa-request-id"] == second.headers["x-amalfa-request-id"]
    assert house.chats == before + 1
    other = house.program.call("POST", "/v1/chat/completions", {**body, "temperature": 0.5}, key)
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    # Some clients send a key with everything; a stream is told once, to one caller.
    streamed = house.program.call("POST", "/v1/chat/completions", {**body, "stream": True}, key)
    assert (streamed.status, b"[DONE]" in streamed.body) == (200, True)
    house.ollama.simulator.clear_script()


def test_the_clients_of_other_apis_see_a_wrong_token_in_the_shape_they_know(house: House) -> None:
    openai = pytest.importorskip("openai")
    ollama = pytest.importorskip("ollama")
    url = f"http://127.0.0.1:{house.port}"
    with openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
        hello = [{"role": "user", "content": "hi"}]
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="amalfa", messages=hello, stream=True)
    with pytest.raises(ollama.ResponseError) as caught:
        ollama.Client(host=url).list()
    assert caught.value.status_code == 401
    assert "The token is missing or wrong" in caught.value.error


def test_the_token_can_be_replaced_and_is_in_force_after_a_restart(house: House) -> None:
    home = house.home
    path = home.json("sonar", "token", "--path")["path"]
    assert home.cli("sonar", "token", "--path").stdout.strip() == path
    replaced = home.cli("sonar", "token", "--new")
    new = replaced.stdout.strip()
    assert new != house.token
    assert "Fix: amalfa sonar restart" in replaced.stderr
    assert house.program.call("GET", "/sonar/health").status == 200
    assert home.cli("sonar", "restart").returncode == 0
    assert house.program.call("GET", "/sonar/health").status == 401
    assert on_port(house.port, new).call("GET", "/sonar/health").status == 200
    # Back to the token that the other tests know.
    (home.places.folder / "http.token").write_text(house.token)
    assert home.cli("sonar", "restart").returncode == 0


def test_a_token_is_made_before_sonar_ever_ran(home: Home) -> None:
    made = home.cli("sonar", "token")
    assert (made.returncode, len(made.stdout.strip()) >= 40) == (0, True)
    file = home.places.folder / "http.token"
    assert (file.read_text(), file.stat().st_mode & 0o777) == (made.stdout, 0o600)
    assert home.cli("sonar", "token").stdout == made.stdout


def test_a_port_that_is_taken_is_told_at_the_start_and_at_a_restart(home: Home) -> None:
    home.start()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        home.write_config({"sonar": {"http": {"enabled": True, "port": port}}})
        for command in ("restart", "start"):
            ran = home.cli("sonar", command)
            assert ran.returncode == 1
            assert f"Sonar cannot listen on 127.0.0.1 port {port}: Address already in use." in ran.stderr
            assert "Fix: amalfa config set sonar.http.port" in ran.stderr
            assert home.lives_as()
    home.start()


def test_the_port_opens_on_the_ipv6_loopback_address(home: Home) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
            port = probe.getsockname()[1]
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    home.write_config({"sonar": {"http": {"enabled": True, "host": "::1", "port": port}}})
    home.start()
    assert home.json("sonar", "status")["http"]["url"] == f"http://[::1]:{port}"
    token = home.cli("sonar", "token").stdout.strip()
    assert on_port(port, token, "::1").call("GET", "/sonar/health").status == 200


@pytest.mark.parametrize(
    "http",
    [{"host": "0.0.0.0"}, {"host": "::"}, {"host": "192.168.1.5"}, {"host": "example.test"}, {"port": 0}, {"port": -1}],
)
def test_h12_no_setting_opens_the_port_to_other_machines(home: Home, http: dict[str, object]) -> None:
    home.write_config({"sonar": {"http": {"enabled": True, **http}}})
    ran = home.cli("sonar", "start")
    assert ran.returncode == 8
    assert f"sonar.http.{next(iter(http))} must be" in ran.stdout + ran.stderr
    assert home.lives_as()


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379",
        "http://user:password@127.0.0.1:11434",
    ],
)
@pytest.mark.parametrize("setting", ["sonar.host", "sonar.cloud.host"])
def test_h13_a_host_that_must_not_be_called_is_refused_before_anything_is_sent(
    home: Home, host: str, setting: str
) -> None:
    sonar = {"host": host} if setting == "sonar.host" else {"cloud": {"enabled": True, "host": host}}
    home.write_config({"sonar": sonar})
    ran = home.cli("config", "check")
    assert ran.returncode == 8
    assert setting in ran.stdout + ran.stderr
    assert "password@" not in ran.stdout + ran.stderr


def test_h13_a_redirect_is_not_followed(home: Home) -> None:
    with (
        running_in_thread(OllamaSimulator(models=[MODEL])) as ollama,
        running_in_thread(OllamaSimulator(models=[MODEL])) as elsewhere,
    ):
        ollama.simulator.script(MODEL, then={"fault": f"redirect:{elsewhere.url}/api/chat"})
        home.write_config({"sonar": {"host": f"127.0.0.1:{ollama.port}"}})
        home.start()
        answer = home.json("ask", QUESTION["question"])
        assert answer["tier"] == "embedded"
        assert [one for one in ollama.simulator.requests if one.path == "/api/chat"]
        assert elsewhere.simulator.requests == []
