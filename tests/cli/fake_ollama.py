"""An Ollama that only lists models, or answers with whatever a test wants, on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer


class FakeOllama:
    """`models` are listed with `status`; `body`, when set, is sent instead."""

    def __init__(self) -> None:
        self.models = ["qwen2.5:1.5b", "llama3:latest"]
        self.status = 200
        self.body: bytes | None = None
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listed = json.dumps({"models": [{"name": name} for name in fake.models]}).encode()
                self.send_response(fake.status)
                self.end_headers()
                self.wfile.write(listed if fake.body is None else fake.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
