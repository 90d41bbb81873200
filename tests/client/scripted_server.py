"""A Unix socket that answers with exactly the bytes a test says, and remembers what it was sent."""

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

Script = Callable[[socket.socket], None]


class ScriptedServer:
    """Each connection is served by the next script; the last one serves all that follow."""

    def __init__(self, path: Path, scripts: Sequence[Script]) -> None:
        self.path = path
        self.asked: list[bytes] = []
        self._scripts = list(scripts)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(16)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            with peer, contextlib.suppress(OSError):
                script(peer)

    def answering(self, *pieces: bytes) -> None:
        self._scripts[:] = [self.reply(*pieces)]

    def reply(self, *pieces: bytes) -> Script:
        """Read one request, send the pieces one by one, close."""

        def script(peer: socket.socket) -> None:
            self.asked.append(read_request(peer))
            for piece in pieces:
                peer.sendall(piece)

        return script


def read_request(peer: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = peer.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    wanted = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < wanted:
        body += peer.recv(65536)
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="am-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
