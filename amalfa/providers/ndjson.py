"""Reads a stream of JSON objects, one per line, at whatever points the network cut it."""

from amalfa.errors import UpstreamBroken
from amalfa.providers.lines import LINE_MAX_BYTES, LineSplitter
from amalfa.providers.untrusted_json import JsonObject, parse_object


class NdjsonParser:
    """Fed with bytes, gives back objects. Raises UpstreamBroken for a whole line that is no JSON object."""

    def __init__(self, *, max_bytes: int = LINE_MAX_BYTES) -> None:
        self._lines = LineSplitter(max_bytes=max_bytes)

    def feed(self, data: bytes) -> list[JsonObject]:
        """The objects that `data` completes, in order."""
        return [_read(line) for line in self._lines.feed(data) if line.strip()]

    def finish(self) -> list[JsonObject]:
        """The last object when its line end is missing; nothing when the stream was cut inside of it."""
        try:
            last = parse_object(self._lines.finish() or "")
        except UpstreamBroken:
            return []
        return [] if last is None else [last]


def _read(line: str) -> JsonObject:
    record = parse_object(line)
    if record is None:
        # The line is not quoted: it may hold words of the reply, and through them of somebody's notes.
        raise UpstreamBroken("The reply holds a line that is not a JSON object.")
    return record
