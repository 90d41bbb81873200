"""Pieces of a streamed answer, and what a script does to them: drop, cut, stall, split, merge."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from tests.upstreams.script import Step

FrameKind = Literal["token", "comment", "error", "finish", "usage", "done"]

_DROPS: dict[str, FrameKind] = {"no_done": "done", "no_finish": "finish", "no_usage": "usage"}
_BREAKS = (
    "cut_before_first",
    "cut_after",
    "reset_after",
    "stall_after",
    "end_after",
    "half_frame_after",
    "bad_chunk_after",
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What one write of the real service carries: one NDJSON line or one SSE event, end marks included."""

    data: bytes
    kind: FrameKind = "token"


Frames = AsyncGenerator[Frame, None]


class Broken(Exception):
    """The script ends the answer here; `how` is the fault's name, `rest` the frame that was due next."""

    def __init__(self, how: str, rest: Frame | None) -> None:
        super().__init__(how)
        self.how = how
        self.rest = rest


async def as_scripted(frames: Frames, step: Step) -> Frames:
    """The frames that still go out under this step. Raises Broken where the step breaks the answer off.

    A break `after:N` counts content frames; an answer with fewer of them breaks before its end record.
    """
    dropped = {kind for fault, kind in _DROPS.items() if step.fault_named(fault)}
    breaks = _first_break(step)
    tokens = 0
    async for frame in frames:
        if breaks is not None and frame.kind not in ("comment", "error"):
            if tokens >= breaks[1] or frame.kind != "token":
                raise Broken(breaks[0], frame)
            tokens += 1
        if frame.kind not in dropped:
            yield frame


def _first_break(step: Step) -> tuple[str, int] | None:
    for name in _BREAKS:
        if (fault := step.fault_named(name)) is not None:
            return (name, 0) if name == "cut_before_first" else (name, int(fault.number(1)))
    return None


async def as_written(frames: Frames, step: Step) -> AsyncGenerator[bytes, None]:
    """The HTTP chunks the frames travel in: one each, unless the step splits, merges or mangles them."""
    size = int(fault.number(1)) if (fault := step.fault_named("split")) else None
    merges = step.fault_named("merge") is not None
    held = bytearray()
    async for frame in frames:
        data = _mangled(frame, step)
        if merges:
            held += data
        elif size is None:
            yield data
        else:
            for start in range(0, len(data), size):
                yield data[start : start + size]
    if held:
        yield bytes(held)


def _mangled(frame: Frame, step: Step) -> bytes:
    data = frame.data
    if step.fault_named("bad_utf8") and frame.kind == "token":
        data = data.replace(b'"content":"', b'"content":"\xff\xfe', 1)
        data = data.replace(b'"text":"', b'"text":"\xff\xfe', 1)
    if step.fault_named("multiline_data") and data.startswith(b"data: {"):
        # SSE joins consecutive data lines with a newline, which is blank space between JSON members.
        data = data.replace(b',"', b',\ndata: "', 1)
    if step.fault_named("crlf"):
        data = data.replace(b"\n", b"\r\n")
    return data
