"""Hooks: what they are told, what they may change, what they cannot do, and what they leave behind."""

import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import httpx
import psutil
import pytest
from typing_extensions import override

from amalfa.calls import Call, PrivacyClass, Wish
from amalfa.clock import SystemClock
from amalfa.errors import OutOfTime, Unserved
from amalfa.execution.redaction import Redactor
from amalfa.pipelines import hooks as hooks_module
from amalfa.pipelines.commands import OUTPUT_MAX_BYTES
from amalfa.pipelines.condition_text import parse
from amalfa.pipelines.graph import Condition, Function, HookUse, Node
from amalfa.pipelines.hooks import HookMeans, Hooks
from tests.fakes import a_call

AWAY = "https://hooks.example/in"
NASTY = "'; touch hacked; $(touch hacked) `touch hacked` $INPUT\n--output=hacked \\ \" &"


def python(code: str, *args: str, name: str = "f", timeout_s: float = 10.0, env: tuple[str, ...] = ()) -> Function:
    return Function(name, "shell", command=sys.executable, args=("-c", code, *args), timeout_s=timeout_s, env=env)


def node(*, pre: tuple[HookUse, ...] = (), post: tuple[HookUse, ...] = ()) -> Node:
    return Node("writer", 1, "answer", pre_hooks=pre, post_hooks=post)


def transforms(function: str = "f", **more: Any) -> HookUse:
    return HookUse(function, mode="transform", **more)


class World:
    """A project folder, a call, and hooks over both."""

    def __init__(self, root: Path, tasks: Any) -> None:
        self.root = root
        environ = {**os.environ, "CANARY": "sk-canary", "ALLOWED": "yes", "HOME": str(root), "LANG": "C.UTF-8"}
        self.means = HookMeans(root, environ, "", Redactor((), ("keys", "emails")), SystemClock(), tasks)
        self.call = replace(a_call(), deadline_s=time.monotonic() + 30)

    def hooks(self, *functions: Function, call: Call | None = None) -> Hooks:
        return Hooks({one.name: one for one in functions}, self.means, call or self.call)

    async def before(self, function: Function, text: str = "hello", **use: Any) -> str:
        return await self.hooks(function).before(node(pre=(transforms(**use),)), text, {})

    def counted(self) -> dict[tuple[str, ...], float]:
        return dict(self.means.counts.counts)


@asynccontextmanager
async def a_world(root: Path) -> AsyncIterator[World]:
    """Leaving it waits for the observers."""
    async with anyio.create_task_group() as tasks:
        yield World(root, tasks)


class Heard(ThreadingHTTPServer):
    """A service on this machine that remembers what it was sent and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.status, self.body, self.type, self.delay_s = 200, b"from the service", "text/plain", 0.0
        self.headers: dict[str, str] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Heard

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        time.sleep(self.server.delay_s)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", self.server.type)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Heard]:
    server = Heard()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


class Recording(httpx.AsyncBaseTransport):
    """Takes the place of the network, and keeps what would have gone there."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.content)
        return httpx.Response(200, text="from far away", headers={"content-type": "text/plain"})


def posts(url: str, *, name: str = "f", **more: Any) -> Function:
    return Function(name, "rest", url=url, **more)


UPPER = "import json,sys; print(json.load(sys.stdin)['input'].upper())"
ECHO_ALL = "import sys; sys.stdout.write(sys.stdin.read())"


async def test_a_command_gets_the_text_as_json_and_what_it_prints_takes_the_texts_place(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        assert await world.before(python(UPPER)) == "HELLO"
        told = json.loads(await world.before(python(ECHO_ALL), "grüße\n“you”"))
        assert told == {"node": "writer", "input": "grüße\n“you”", "output": None, "request_id": "req_1"}


async def test_after_a_node_the_reply_is_told_as_well_and_replaced(tmp_path: Path) -> None:
    join = "import json,sys; t=json.load(sys.stdin); print(t['input'] + '|' + t['output'])"
    async with a_world(tmp_path) as world:
        hooks = world.hooks(python(join))
        assert await hooks.after(node(post=(transforms(),)), "asked", "said", {}) == "asked|said"


async def test_hooks_work_in_their_order_each_on_what_the_one_before_made(tmp_path: Path) -> None:
    add = "import json,sys; print(json.load(sys.stdin)['input'] + sys.argv[1])"
    async with a_world(tmp_path) as world:
        hooks = world.hooks(python(add, "1", name="one"), python(add, "2", name="two"))
        assert await hooks.before(node(pre=(transforms("one"), transforms("two"))), "x", {}) == "x12"


async def test_a_nasty_text_reaches_neither_a_shell_nor_the_command_line(tmp_path: Path) -> None:
    code = "import json,sys; t=json.load(sys.stdin); print(json.dumps([sys.argv[1:], t['input']]))"
    async with a_world(tmp_path) as world:
        argv, text = json.loads(await world.before(python(code, "; touch hacked", "$(touch hacked)"[1:]), NASTY))
    assert text == NASTY
    assert argv == ["; touch hacked", "(touch hacked)"]
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("arg", ["$INPUT", "${OUTPUT}", "--text=$input", "a $HOME b"])
async def test_a_variable_in_a_command_line_is_refused_not_filled_in(tmp_path: Path, arg: str) -> None:
    async with a_world(tmp_path) as world:
        with pytest.raises(Unserved, match="standard input"):
            await world.before(python("open('ran', 'w')", arg), on_failure="abort")
    assert not (tmp_path / "ran").exists()


async def test_a_command_sees_a_scrubbed_environment_and_works_in_the_project(tmp_path: Path) -> None:
    code = "import json,os; print(json.dumps([sorted(os.environ), os.getcwd()]))"
    async with a_world(tmp_path) as world:
        names, folder = json.loads(await world.before(python(code)))
        assert set(names) <= {"PATH", "HOME", "LANG", "LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
        assert folder == str(tmp_path.resolve())
        names, _ = json.loads(await world.before(python(code, env=("ALLOWED", "ABSENT"))))
        assert "ALLOWED" in names
        assert "CANARY" not in names


async def test_a_missing_command_is_told_and_the_text_stays(tmp_path: Path) -> None:
    missing = Function("f", "shell", command="no-such-program-here")
    async with a_world(tmp_path) as world:
        assert await world.before(missing) == "hello"
        assert world.counted() == {("f", "not_found"): 1}
        with pytest.raises(Unserved, match="there is no program no-such-program-here"):
            await world.before(missing, on_failure="abort")


async def test_a_program_of_the_project_is_named_with_a_slash(tmp_path: Path) -> None:
    program = tmp_path / "hooks" / "shout"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{UPPER}\n")
    async with a_world(tmp_path) as world:
        assert await world.before(Function("f", "shell", command="hooks/shout")) == "hello", "it may not be run yet"
        program.chmod(0o755)
        assert await world.before(Function("f", "shell", command="hooks/shout")) == "HELLO"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        pytest.param("import sys; print('half'); sys.exit(3)", "exit code 3", id="an exit code"),
        pytest.param("import os; os.kill(os.getpid(), 9)", "signal 9", id="a signal"),
        pytest.param("pass", "gave no text", id="nothing printed"),
        pytest.param("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "not UTF-8", id="no text"),
        pytest.param(f"print('x' * {OUTPUT_MAX_BYTES + 1})", "more than 1 MiB", id="too much"),
        pytest.param("while True: print('x' * 65536)", "more than 1 MiB", id="without end"),
    ],
)
async def test_a_command_that_fails_ends_the_call_only_when_it_says_abort(tmp_path: Path, code: str, why: str) -> None:
    async with a_world(tmp_path) as world:
        assert await world.before(python(code)) == "hello"
        with pytest.raises(Unserved, match=why) as caught:
            await world.before(python(code), on_failure="abort")
        assert "hello" not in str(caught.value), "messages never hold the text"


async def test_a_mebibyte_exactly_is_taken_from_a_command_that_reads_late(tmp_path: Path) -> None:
    code = f"import sys; sys.stdout.write('y' * {OUTPUT_MAX_BYTES}); sys.stdout.flush(); sys.stdin.read()"
    async with a_world(tmp_path) as world:
        assert len(await world.before(python(code), "z" * 500_000)) == OUTPUT_MAX_BYTES


async def test_a_command_that_never_reads_its_input_is_not_waited_for(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        assert await world.before(python("print('done')"), "z" * 5_000_000) == "done"


LINGER = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open("pids", "w").write(f"{os.getpid()} {child.pid}")
"""


def pids(root: Path) -> list[int]:
    return [int(one) for one in (root / "pids").read_text().split()]


async def gone(root: Path) -> bool:
    """Whether the processes of LINGER end soon; one that waits to be collected has ended."""
    with anyio.move_on_after(5):
        while any(psutil.pid_exists(one) and psutil.Process(one).status() != "zombie" for one in pids(root)):  # noqa: ASYNC110 - another process does it
            await anyio.sleep(0.01)
        return True
    return False


async def test_a_command_that_takes_too_long_is_ended_with_all_its_children(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        with pytest.raises(Unserved, match=r"not done within 0\.6 s"):
            await world.before(python(LINGER + "time.sleep(60)", timeout_s=0.6), on_failure="abort")
        assert world.counted() == {("f", "stalled"): 1}
        assert await gone(tmp_path)


async def test_children_left_behind_by_a_good_command_are_ended_as_well(tmp_path: Path) -> None:
    code = LINGER.replace('"])', '"], stdout=subprocess.DEVNULL)') + "print('ok')"
    async with a_world(tmp_path) as world:
        assert await world.before(python(code)) == "ok"
        assert await gone(tmp_path)


async def test_a_cancelled_call_ends_its_command(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, anyio.create_task_group() as calls:
        calls.start_soon(world.before, python(LINGER + "time.sleep(60)"))
        with anyio.fail_after(5):
            while not (tmp_path / "pids").exists() or len(pids(tmp_path)) < 2:  # noqa: ASYNC110 - another process does it
                await anyio.sleep(0.01)
        calls.cancel_scope.cancel()
    assert await gone(tmp_path)


async def test_the_calls_deadline_holds_for_hooks_too(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        world.call = replace(world.call, deadline_s=time.monotonic() - 1)
        with pytest.raises(OutOfTime):
            await world.before(python(UPPER))


async def test_a_condition_decides_whether_a_hook_runs(tmp_path: Path) -> None:
    condition = Condition("$WORD_COUNT > 3", 1, parse("$WORD_COUNT > 3"))
    async with a_world(tmp_path) as world:
        hooks, long = world.hooks(python(UPPER)), node(pre=(transforms(condition=condition),))
        assert await hooks.before(long, "a b", {"WORD_COUNT": 2}) == "a b"
        assert await hooks.before(long, "a b c d", {"WORD_COUNT": 4}) == "A B C D"
        assert await hooks.before(long, "a b", {}) == "a b", "what cannot be told does not hold"


async def test_an_observer_delays_nothing_changes_nothing_and_finishes(tmp_path: Path) -> None:
    code = "import json,sys,time; t=json.load(sys.stdin); time.sleep(0.3); open('seen', 'w').write(t['output'])"
    async with a_world(tmp_path) as world:
        hooks, started_s = world.hooks(python(code)), time.monotonic()
        assert await hooks.after(node(post=(HookUse("f"),)), "asked", "said", {}) == "said"
        assert time.monotonic() - started_s < 0.25
        assert not (tmp_path / "seen").exists()
    assert (tmp_path / "seen").read_text() == "said"
    assert world.counted() == {("f", "ok"): 1}


async def test_an_observer_that_fails_is_counted_and_harms_nobody(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        hooks = world.hooks(
            python("raise SystemExit(4)"), python("import time; time.sleep(9)", name="g", timeout_s=0.3)
        )
        await hooks.before(node(pre=(HookUse("f"), HookUse("g"))), "x", {})
    assert world.counted() == {("f", "upstream_broken"): 1, ("g", "stalled"): 1}
    assert world.means.observers == 0


async def test_a_service_gets_json_and_its_text_or_json_takes_the_texts_place(tmp_path: Path, service: Heard) -> None:
    async with a_world(tmp_path) as world:
        hooks = world.hooks(posts(service.url, headers={"X-Who": "me"}))
        assert await hooks.after(node(post=(transforms(),)), "asked", "said", {}) == "from the service"
        service.type, service.body = "application/json; charset=utf-8", b'{"text": "better"}'
        assert await hooks.after(node(post=(transforms(),)), "asked", "said", {}) == "better"
    method, path, headers, body = service.requests[0]
    assert (method, path, headers["X-Who"]) == ("POST", "/hook", "me")
    assert headers["Accept-Encoding"] == "identity"
    assert json.loads(body) == {"node": "writer", "input": "asked", "output": "said", "request_id": "req_1"}
    assert hooks.left_machine is None, "it stayed here"


async def test_a_body_of_ones_own_is_filled_in_once_and_stays_json(tmp_path: Path, service: Heard) -> None:
    body = {"text": "new: $INPUT", "of": ["${NODE}", 3], "out": "$OUTPUT"}
    text = '"}, "admin": true, $OUTPUT ${NODE}'
    async with a_world(tmp_path) as world:
        await world.before(posts(service.url, body=body), text)
    assert json.loads(service.requests[0][3]) == {"text": f"new: {text}", "of": ["writer", 3], "out": ""}


async def test_a_header_takes_its_key_from_the_environment_and_no_message_shows_it(
    tmp_path: Path, service: Heard
) -> None:
    async with a_world(tmp_path) as world:
        await world.before(posts(service.url, headers={"X-Key": "$CANARY"}))
        assert service.requests[0][2]["X-Key"] == "sk-canary"
        with pytest.raises(Unserved, match=r"\$ABSENT is not set"):
            await world.before(posts(service.url, headers={"X-Key": "$ABSENT"}), on_failure="abort")
        service.status, service.body = 500, b"your key was sk-canary and you said hello"
        with pytest.raises(Unserved, match="status 500") as caught:
            await world.before(posts(service.url, headers={"X-Key": "$CANARY"}), on_failure="abort")
    assert "canary" not in str(caught.value)
    assert "hello" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "headers", "why"),
    [
        pytest.param(307, b"", {"Location": "http://127.0.0.1:1/"}, "redirect", id="a redirect is not followed"),
        pytest.param(200, b"x" * (1 << 20) + b"y", {}, "more than 1 MiB", id="too much"),
        pytest.param(200, b"xx", {"Content-Encoding": "gzip"}, "packed", id="packed"),
        pytest.param(200, b"  ", {}, "no text", id="blank"),
        pytest.param(404, b"", {}, "status 404", id="not there"),
    ],
)
async def test_a_service_that_answers_badly(
    tmp_path: Path, service: Heard, status: int, body: bytes, headers: dict[str, str], why: str
) -> None:
    service.status, service.body, service.headers = status, body, headers
    async with a_world(tmp_path) as world:
        assert await world.before(posts(service.url)) == "hello"
        with pytest.raises(Unserved, match=why):
            await world.before(posts(service.url), on_failure="abort")


async def test_a_slow_service_is_given_up_after_the_whole_time_allowed(tmp_path: Path, service: Heard) -> None:
    service.delay_s = 1.0
    async with a_world(tmp_path) as world:
        assert await world.before(posts(service.url, timeout_s=0.2)) == "hello"
    assert world.counted() == {("f", "stalled"): 1}


@pytest.mark.parametrize(
    ("call", "off_reason"),
    [
        pytest.param({"privacy": PrivacyClass.LOCAL_ONLY}, "", id="local-only text"),
        pytest.param({"privacy": PrivacyClass.CLOUD_ZDR}, "", id="text that nobody may keep"),
        pytest.param({"wish": Wish(prefer="local")}, "", id="a caller who says --local"),
        pytest.param({}, "sonar.cloud.enabled is false", id="the cloud is off"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("mode", ["observe", "transform"])
async def test_nothing_goes_to_another_machine_that_may_not(
    tmp_path: Path, call: dict[str, Any], off_reason: str, method: str, mode: Any
) -> None:
    async with a_world(tmp_path) as world:
        world.means.transport, world.means.off_reason = Recording(), off_reason
        hooks = world.hooks(posts(AWAY, method=method), call=replace(world.call, **call))
        assert await hooks.before(node(pre=(HookUse("f", mode=mode),)), "hello", {}) == "hello"
    assert world.means.transport.bodies == []
    assert hooks.left_machine is None
    assert world.counted() == {("f", "forbidden"): 1}


async def test_local_only_text_may_go_to_a_service_on_this_machine(tmp_path: Path, service: Heard) -> None:
    async with a_world(tmp_path) as world:
        world.means.off_reason = "sonar.cloud.enabled is false"
        hooks = world.hooks(posts(service.url), call=replace(world.call, privacy=PrivacyClass.LOCAL_ONLY))
        assert await hooks.before(node(pre=(transforms(),)), "hello", {}) == "from the service"


@pytest.mark.parametrize("mode", ["observe", "transform"])
async def test_what_leaves_is_blanked_and_counted_and_named(tmp_path: Path, mode: Any) -> None:
    async with a_world(tmp_path) as world:
        world.means.transport = recording = Recording()
        hooks = world.hooks(posts(AWAY))
        await hooks.before(node(pre=(HookUse("f", mode=mode),)), "write to ada@example.org", {})
        left = hooks.left_machine
    assert left is not None
    assert left.to == ("https://hooks.example/in (hook f)",)
    assert (left.tokens > 0, left.redactions) == (True, 1)
    assert json.loads(recording.bodies[0])["input"] == "write to [redacted email]"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://169.254.169.254/latest", "link-local"),
        ("http://[fe80::1]/x", "link-local"),
        ("http://[::ffff:169.254.169.254]/x", "link-local"),
        ("http://2852039166/latest", "written in full"),
        ("http://metadata.google.internal/x", "metadata"),
        ("http://100.100.100.200/x", "metadata"),
        ("file:///etc/passwd", "http or https"),
        ("gopher://x.example", "http or https"),
        ("https://ada:secret@x.example/", "user name or password"),
        ("https://x.example/$INPUT", "nothing is ever filled in"),
        ("https://x.example/?q=1", "end with its path"),
        ("", "has no url"),
    ],
)
async def test_addresses_that_no_hook_may_have(tmp_path: Path, url: str, why: str) -> None:
    async with a_world(tmp_path) as world:
        world.means.transport = recording = Recording()
        with pytest.raises(Unserved, match=why) as caught:
            await world.before(posts(url), on_failure="abort")
    assert recording.bodies == []
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("header", ["Host", "Content-Length", "bad name", "X-A\r\nX-B"])
async def test_headers_that_no_hook_may_set(tmp_path: Path, service: Heard, header: str) -> None:
    async with a_world(tmp_path) as world:
        assert await world.before(posts(service.url, headers={header: "x"})) == "hello"
    assert service.requests == []


async def test_runs_are_remembered_for_the_trace(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        hooks = world.hooks(python(UPPER), python("raise SystemExit(1)", name="bad"))
        await hooks.before(node(pre=(transforms(), transforms("bad"), HookUse("f"))), "x", {})
    assert [(one.function, one.mode, one.outcome) for one in hooks.ran] == [
        ("f", "transform", "ok"),
        ("bad", "transform", "upstream_broken"),
        ("f", "observe", "started"),
    ]


async def test_a_quick_observer_finishes_while_sonar_is_stopping_and_a_slow_one_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks_module, "OBSERVER_GRACE_S", 0.6)
    quick = python("import time; time.sleep(0.2); open('quick', 'w')", name="quick")
    slow = python("import time; time.sleep(5); open('slow', 'w')", name="slow")
    started_s = time.monotonic()
    async with anyio.create_task_group() as tasks:
        world = World(tmp_path, tasks)
        await world.hooks(quick, slow).before(node(pre=(HookUse("quick"), HookUse("slow"))), "x", {})
        await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()
    assert time.monotonic() - started_s < 3
    assert (tmp_path / "quick").exists()
    assert not (tmp_path / "slow").exists()
    assert world.means.observers == 0
