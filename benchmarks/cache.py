"""How long a call takes whose reply is kept: in the daemon's own process, planning and the ledger included."""

import time
from collections.abc import Sequence
from dataclasses import replace

import anyio

from amalfa.calls import Call, Material, PrivacyClass, Prompt
from amalfa.execution.cache import KeptReply
from amalfa.execution.reading import unread
from amalfa.execution.steps import unheard
from amalfa.messages import Message
from benchmarks.figures import percentile, spread
from benchmarks.options import Options
from benchmarks.report import Cell, Report, Table
from benchmarks.simulated import House, house_for

TARGET_MS = 1.0
PROMPT_WORDS = 1_200


def run(options: Options) -> Report:
    rounds = 100 if options.is_quick else 1_000
    kept = 2_000 if options.is_quick else 20_000
    times = anyio.run(_measure, rounds, kept)
    rows: list[tuple[Cell, ...]] = []
    figures: dict[str, object] = {"kept": kept}
    for name, taken_ms in times.items():
        found, p99 = spread(taken_ms), percentile(taken_ms, 99)
        rows.append((name, found.count, found.median, found.high, p99, None if name == "asked" else TARGET_MS))
        figures[name] = {"ms": found.median, "p99_ms": p99}
    columns = ("reply", "calls", "median ms", "upper quartile", "99th of 100", "target ms")
    return Report("cache", (Table(f"one call, {kept} replies kept", columns, tuple(rows)),), figures)


async def _measure(rounds: int, kept: int) -> dict[str, Sequence[float]]:
    async with house_for("ollama", is_caching=True) as house:
        replies = house.engine._builder.lasting.replies
        asked = [await _ask_ms(house, _call(house, number)) for number in range(rounds)]
        hot = [await _ask_ms(house, _call(house, 1)) for _ in range(rounds)]
        key = next(iter(replies._front._replies))
        for number in range(kept):
            replies.keep(
                replace(key, digest=number.to_bytes(32, "big")),
                KeptReply("word " * 300, house.engine.accounts.clock.now()),
            )
            if number % 500 == 0:
                await anyio.sleep(0.05)
        await anyio.sleep(1)
        replies._front.clear()
        cold = [await _ask_ms(house, _call(house, number)) for number in range(rounds)]
    return {"asked": asked, "kept, in memory": hot, "kept, on disk": cold}


def _call(house: House, number: int) -> Call:
    text = f"Number {number}: " + "word " * PROMPT_WORDS
    prompt = Prompt((Message("user", text),), Material(question=text), max_tokens=800, temperature=0.2)
    deadline_s = house.engine.accounts.clock.monotonic_s() + 60
    return Call(f"req_{number}", "synthesize", prompt, PrivacyClass.CLOUD_OK, deadline_s)


async def _ask_ms(house: House, call: Call) -> float:
    async with house.engine.lease() as desk:
        began = time.perf_counter()
        await desk.executor.ask(call, unheard, read=unread)
        return (time.perf_counter() - began) * 1000
