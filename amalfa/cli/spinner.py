"""A line on stderr that says what is being waited for, once the wait is long enough to wonder."""

import threading
import time
from types import TracebackType

from amalfa.cli.safe_text import safe_line
from amalfa.cli.terminal import Screen

DELAY_S = 0.3
_TICK_S = 0.1
_FRAMES = "|/-\\"


class Spinner:
    """Shows the phase and its seconds while the `with` block runs and until `stop`, on a live screen only.

    `phase` may be called from the thread that waits; drawing happens in a thread of its own.
    """

    def __init__(self, screen: Screen, *, is_wanted: bool) -> None:
        self._screen = screen
        self._is_wanted = is_wanted and screen.is_live
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._text = ""
        self._began_s = 0.0
        self._is_drawn = False

    def __enter__(self) -> "Spinner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def phase(self, text: str) -> None:
        """Say what is going on from now on; the seconds count from here when it is something new."""
        with self._lock:
            if text != self._text:
                self._text, self._began_s = text, time.monotonic()
        if self._is_wanted and self._thread is None:
            self._over.clear()
            self._thread = threading.Thread(target=self._spin, name="spinner", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take the line away. `phase` brings it back."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._over.set()
            thread.join()
            if self._is_drawn:
                self._write("\r\x1b[K")
                self._is_drawn = False

    def _spin(self) -> None:
        wait_s, turn = DELAY_S, 0
        while not self._over.wait(wait_s):
            with self._lock:
                text, seconds = self._text, int(time.monotonic() - self._began_s)
            line = f"{_FRAMES[turn % len(_FRAMES)]} {safe_line(text)}" + (f" {seconds} s" if seconds else "")
            self._write("\r" + self._screen.paint(line[: self._screen.width - 1], "dim") + "\x1b[K")
            self._is_drawn = True
            wait_s, turn = _TICK_S, turn + 1

    def _write(self, text: str) -> None:
        try:
            self._screen.stream.write(text)
            self._screen.stream.flush()
        except OSError:
            self._over.set()  # the terminal has gone; the work goes on
