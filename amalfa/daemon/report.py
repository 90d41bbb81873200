"""What a starting sonar tells the command that started it, as one JSON line through a pipe. Standard library only."""

import json
import os
import select
import time
from typing import Literal

from amalfa.client.document import Document
from amalfa.client.failures import RemoteError
from amalfa.errors import AmalfaError
from amalfa.server.error_body import error_document

_MAX_BYTES = 1024 * 1024

Outcome = Literal["ready", "crashed"] | RemoteError
"""How a start went: a RemoteError when sonar could say why it failed, "crashed" when it said nothing."""


def report_ready(descriptor: int) -> None:
    """Tell that sonar answers, and close the pipe."""
    _send(descriptor, {"ready": True})


def report_failure(descriptor: int, error: AmalfaError) -> None:
    """Tell why sonar does not start, and close the pipe."""
    _send(descriptor, {"ready": False, "error": error_document(error)})


def read_report(descriptor: int, *, timeout_s: float) -> Outcome:
    """Wait for the report of a starting sonar. Raises TimeoutError when none came."""
    give_up_s = time.monotonic() + timeout_s
    received = b""
    while not received.endswith(b"\n") and len(received) < _MAX_BYTES:
        readable, _, _ = select.select([descriptor], [], [], max(0.0, give_up_s - time.monotonic()))
        if not readable:
            raise TimeoutError
        piece = os.read(descriptor, 65_536)
        if not piece:
            return "crashed"
        received += piece
    told = Document(json.loads(received))
    return "ready" if told.flag("ready") else RemoteError(told.item("error"))


def _send(descriptor: int, message: dict[str, object]) -> None:
    try:
        with os.fdopen(descriptor, "w") as pipe:
            pipe.write(json.dumps(message) + "\n")
    except OSError:
        pass  # whoever started us has gone; there is nobody left to tell
