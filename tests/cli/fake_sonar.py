"""A sonar that is none: speaks the routes over a Unix socket, says what a test scripts, and remembers what it heard."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from amalfa import __version__
from amalfa.paths import make_private_folder, places_for

Event = tuple[str, object]

HEALTH = {"ok": True, "pid": 4242, "version": __version__, "protocol": 1, "nonce": "fa4e"}

ROUTE = {
    "model": "ollama:qwen2.5:1.5b",
    "provider": "ollama",
    "tier": "local",
    "task": "synthesize",
    "strategy": "local_first",
    "reason": "the local default",
    "candidates": [
        {"model": "ollama:qwen2.5:1.5b", "verdict": "planned", "code": "first", "detail": "the local default"},
        {"model": "openrouter:qwen/qwen-2.5-72b-instruct", "verdict": "refused", "code": "cloud_off", "detail": "off"},
    ],
    "attempts": [
        {
            "model": "ollama:qwen2.5:1.5b",
            "outcome": "ok",
            "ms": 900,
            "tokensIn": 700,
            "tokensOut": 40,
            "costUsd": 0.0,
            "error": "",
        }
    ],
    "cache": "off",
    "repairs": [],
    "leftMachine": None,
    "generation": 1,
    "requestId": "req_1",
}
USAGE = {"tokens_in": 700, "tokens_out": 40, "cost_usd": 0.0, "ms": 912}
CITATION = {
    "n": 1,
    "path": "docs/keys.md",
    "start_line": 3,
    "end_line": 5,
    "quote": "rotate them monthly",
    "verified": True,
    "heading": "Keys > Rotation",
}
ANSWER: dict[str, Any] = {
    "answer": "Rotate them **monthly** [1].",
    "citations": [CITATION],
    "refused": False,
    "reason": None,
    "nearest": [],
    "model": "ollama:qwen2.5:1.5b",
    "tier": "local",
    "route": ROUTE,
    "usage": USAGE,
    "session": "abc",
    "dropped_citations": 0,
    "is_general": False,
    "warnings": [],
    "steps": [],
}
REFUSAL: dict[str, Any] = ANSWER | {
    "answer": "",
    "citations": [],
    "refused": True,
    "reason": "42 notes were searched for 'moon', and none says enough",
    "nearest": [{"path": "docs/keys.md", "title": "Keys"}],
    "model": None,
    "tier": None,
    "usage": {"tokens_in": None, "tokens_out": None, "cost_usd": 0.0, "ms": 0},
}
PASSAGE = {
    "path": "docs/keys.md",
    "start_line": 3,
    "end_line": 5,
    "heading": "Keys > Rotation",
    "score": 7.5,
    "text": "## Rotation\n\nrotate them monthly",
}
FOUND = PASSAGE | {"summary": "How keys are rotated."}
STATUS: dict[str, Any] = {
    "running": True,
    "healthy": True,
    "pid": 4242,
    "version": __version__,
    "protocol": 1,
    "uptime_s": 125.0,
    "socket": "/run/sonar.sock",
    "root": "/notes",
    "config": {
        "path": "/notes/amalfa.config.json",
        "generation": 2,
        "loaded_at": "2026-01-02T03:04:05Z",
        "problems": [],
        "warnings": [],
    },
    "inference": {"mode": "local", "model": "ollama:qwen2.5:1.5b", "tier": "local", "reason": "the local default"},
    "providers": [
        {
            "name": "ollama",
            "type": "ollama",
            "state": "up",
            "reason": None,
            "hosts": [
                {"url": "http://localhost:11434", "state": "up", "loaded": ["qwen2.5:1.5b"], "reason": None},
            ],
        }
    ],
    "index": {"notes": 42, "passages": 310, "updated_at": "2026-01-02T03:04:06Z", "stale": 0},
    "jobs": {"queued": 0, "running": 0, "failed": 0},
    "queue": {"interactive": 0, "background": 0},
    "usage_today": {"calls": 3, "cost_usd": 0.0021, "unknown_costs": 1},
    "http": None,
    "notices": [],
}
INDEX = {
    "notes": 42,
    "passages": 310,
    "updated_at": "2026-01-02T03:04:06Z",
    "stale": 1,
    "skipped": [{"path": "big.md", "reason": "larger than 2 MiB"}],
    "indexing": False,
    "described": {"with": 30, "without": 10, "stale": 2},
}


def answer_events(answer: dict[str, Any] = ANSWER, *deltas: str) -> list[Event]:
    """What a good call sends: phases, the route, the words, the whole, the end."""
    words = deltas or (answer["answer"][:10], answer["answer"][10:])
    return [
        ("phase", {"text": "searching"}),
        ("route", {"model": "ollama:qwen2.5:1.5b", "tier": "local", "reason": "the local default"}),
        *(("delta", {"text": word}) for word in words if word),
        ("output", answer),
        ("done", {}),
    ]


def task_reply(output: dict[str, Any]) -> dict[str, Any]:
    return {"output": output, "route": ROUTE, "usage": USAGE}


@dataclass
class Script:
    """What the fake says. A callable among the events is run in its turn, and can wait for the test."""

    events: list[Event | Callable[[], object]] = field(default_factory=lambda: [*answer_events()])
    replies: dict[str, object] = field(default_factory=dict)
    failures: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    failing_once: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class FakeSonar:
    """Listens where the sonar of `root` would; `asked` holds (path, body) of each request but pings."""

    def __init__(self, root: Path, environ: dict[str, str]) -> None:
        self.places = places_for(root, environ)
        self.script = Script()
        self.asked: list[tuple[str, Any]] = []
        self.hung_up = threading.Event()
        make_private_folder(self.places.folder)
        make_private_folder(self.places.socket.parent)
        self._server = _Server(str(self.places.socket), type("Handler", (_Handler,), {"sonar": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        with contextlib.suppress(OSError):
            self.places.socket.unlink()

    @property
    def last_body(self) -> Any:
        return self.asked[-1][1]

    def reply_to(self, path: str) -> object:
        known: dict[str, object] = {
            "/sonar/health": HEALTH,
            "/sonar/status": STATUS,
            "/sonar/index": INDEX,
            "/sonar/index/rebuild": INDEX,
            "/sonar/search": {"passages": [FOUND]},
            "/sonar/reload": {"generation": 3, "problems": []},
        }
        return (known | self.script.replies).get(path)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hangs up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    sonar: FakeSonar

    def do_GET(self) -> None:
        self._serve(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self._serve(json.loads(body) if body else None)

    def do_DELETE(self) -> None:
        self._serve(None)

    def _serve(self, body: Any) -> None:
        if self.path != "/sonar/health":
            self.sonar.asked.append((self.path, body))
        script = self.sonar.script
        failure = script.failing_once.pop(self.path, None) or script.failures.get(self.path)
        if failure is not None:
            self._send_json(failure[0], {"error": failure[1]})
        elif self.path.endswith("/events") or (isinstance(body, dict) and body.get("stream")):
            self._send_events()
        else:
            reply = self.sonar.reply_to(self.path)
            missing = {"error": {"code": "not_found", "message": f"No {self.path}.", "hint": ""}}
            self._send_json(404 if reply is None else 200, missing if reply is None else reply)

    def _send_json(self, status: int, body: object) -> None:
        payload = json.dumps(body).encode()
        self._head(status, "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _send_events(self) -> None:
        self._head(200, "text/event-stream")
        self.end_headers()
        for event in self.sonar.script.events:
            if callable(event):
                event()
                continue
            name, data = event
            try:
                self.wfile.write(f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode())
                self.wfile.flush()
            except OSError:
                self.sonar.hung_up.set()
                raise

    def _head(self, status: int, kind: str) -> None:
        self.send_response(HTTPStatus(status))
        self.send_header("content-type", kind)
        for name, value in self.sonar.script.headers.items():
            self.send_header(name, value)

    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return "unix"


@contextlib.contextmanager
def fake_sonar(root: Path, environ: dict[str, str]) -> Iterator[FakeSonar]:
    sonar = FakeSonar(root, environ)
    try:
        yield sonar
    finally:
        sonar.close()
