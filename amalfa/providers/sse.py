"""Reads a stream of server-sent events, at whatever points the network cut it."""

from dataclasses import dataclass

from amalfa.errors import UpstreamBroken
from amalfa.providers.lines import LINE_MAX_BYTES, LineSplitter


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event. `name` is "" unless an `event:` line gave one; the lines of `data` are joined by LF."""

    name: str
    data: str


class SseParser:
    """Fed with bytes, gives back events.

    Comments and events without data are dropped, as the format demands: a keep-alive comment with its
    blank line must not look like an empty event. Raises UpstreamBroken once an event passes `max_bytes`.
    """

    def __init__(self, *, max_bytes: int = LINE_MAX_BYTES) -> None:
        self._lines = LineSplitter(max_bytes=max_bytes)
        self._max_bytes = max_bytes
        self._name = ""
        self._data: list[str] = []
        self._size = 0
        self._is_first_line = True

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that `data` completes, in order."""
        return [event for line in self._lines.feed(data) if (event := self._take(line)) is not None]

    def finish(self) -> list[SseEvent]:
        """The last event when its blank line is missing: servers that stop right after `[DONE]` leave it out.

        A strict reader would drop it. What it holds may be cut, so a caller trusts it no further than it parses.
        """
        try:
            last = self._lines.finish()
        except UpstreamBroken:
            return []
        event = self._take(last) if last is not None else None
        event = event or self._take("")
        return [] if event is None else [event]

    def _take(self, line: str) -> SseEvent | None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix("\ufeff")
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._size += len(value) + 1
            if self._size > self._max_bytes:
                raise UpstreamBroken(f"The reply holds an event of more than {self._max_bytes} characters.")
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None

    def _dispatch(self) -> SseEvent | None:
        event = SseEvent(self._name, "\n".join(self._data)) if self._data else None
        self._name, self._data, self._size = "", [], 0
        return event
