"""Takes one HTTP/1.1 reply apart: status line, headers, and a body that is counted, chunked or ended by the close."""

from collections.abc import Callable, Iterator

MAX_HEAD_BYTES = 64 * 1024
MAX_LINE_BYTES = 16 * 1024


class NotHttp(ValueError):
    """The bytes are no HTTP reply; the text completes "What answers …"."""


class CutOff(EOFError):
    """The connection ended before the reply did."""


class ReplyReader:
    """Reads one reply: the head first, then the body, once.

    `receive` gives the next bytes from the other side, and nothing once that has closed.
    """

    __slots__ = ("_buffer", "_receive", "headers", "status")

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = b""
        self.status = 0
        self.headers: dict[str, str] = {}

    def read_head(self) -> None:
        """Fill `status` and `headers` (names in lower case; of a repeated name the last one counts)."""
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise NotHttp("sends an endless head")
            self._fill()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
            raise NotHttp("does not speak HTTP")
        self.status = int(rest[:3])
        for field in fields:
            name, _, value = field.partition(":")
            self.headers[name.strip().lower()] = value.strip()

    def body(self) -> Iterator[bytes]:
        """The pieces of the body as they come, never empty."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._chunks()
        length = self.headers.get("content-length")
        if length is None:
            return self._until_close()
        if not length.isdecimal():
            raise NotHttp("sends a broken Content-Length")
        return self._counted(int(length))

    def _chunks(self) -> Iterator[bytes]:
        while size := _chunk_size(self._line()):
            yield from self._counted(size)
            if self._line():
                raise NotHttp("sends a broken chunk")
        while self._line():  # trailers
            pass

    def _counted(self, left: int) -> Iterator[bytes]:
        while left:
            if not self._buffer:
                self._fill()
            piece, self._buffer = self._buffer[:left], self._buffer[left:]
            left -= len(piece)
            yield piece

    def _until_close(self) -> Iterator[bytes]:
        if self._buffer:
            yield self._buffer
        while piece := self._receive():
            yield piece

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE_BYTES:
                raise NotHttp("sends an endless line")
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _fill(self) -> None:
        piece = self._receive()
        if not piece:
            raise CutOff
        self._buffer += piece


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        return int(digits, 16) if digits[:1].isalnum() else int("")
    except ValueError:
        raise NotHttp("sends a broken chunk") from None
