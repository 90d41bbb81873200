"""Cuts a byte stream into text lines, whatever the cuts of the network were. Knows nothing of what lines mean."""

from amalfa.errors import UpstreamBroken

LINE_MAX_BYTES = 1 << 20


class LineSplitter:
    """Collects bytes until a line is whole. LF, CR and CRLF all end one; the end is not part of it.

    Raises UpstreamBroken once an unfinished line passes `max_bytes`, and for a line that is not UTF-8.
    """

    def __init__(self, *, max_bytes: int = LINE_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest = bytearray()
        self._ended_in_cr = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes, in order."""
        if self._ended_in_cr and data.startswith(b"\n"):
            self._ended_in_cr, data = False, data[1:]
        if data:
            self._ended_in_cr = data.endswith(b"\r")
        # A CRLF inside `data` would give an empty extra line after every line.
        *ends, tail = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        lines = [self._line(end) for end in ends]
        self._rest += tail
        self._check(len(self._rest))
        return lines

    def finish(self) -> str | None:
        """What stood after the last line end when the stream ended; None when there was nothing."""
        return self._line(b"") if self._rest else None

    def _line(self, end: bytes) -> str:
        whole = bytes(self._rest) + end if self._rest else end
        self._rest.clear()
        self._check(len(whole))
        try:
            return whole.decode("utf-8")
        except UnicodeDecodeError:
            raise UpstreamBroken("The reply holds bytes that are not UTF-8.") from None

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise UpstreamBroken(f"The reply holds a line of more than {self._max_bytes} bytes.")
