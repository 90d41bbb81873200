"""Indexing, one edit and searching in a big folder, against the targets of the architecture."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from benchmarks.baselines import Grep, sections_of
from benchmarks.engine import Engine, open_engine
from benchmarks.figures import percentile
from benchmarks.options import Options
from benchmarks.report import Cell, Report, Table
from benchmarks.vault import Vault, make_vault

EDITS = 9
WARM_UP = 10
GREPPED = 20
"""Counting words over everything is so slow that a few questions tell enough."""


def run(options: Options) -> Report:
    notes = 2_000 if options.is_quick else 10_000
    vault = make_vault(notes, options.seed)
    with TemporaryDirectory() as folder:
        rows = anyio.run(_measure, vault, Path(folder), backend="asyncio")
    table = Table("scale", (f"{notes:,} notes", "measured", "target"), tuple(rows))
    figures = {
        "notes": notes,
        "seed": options.seed,
        "rows": [dict(zip(table.columns, row, strict=True)) for row in rows],
    }
    return Report("scale", (table,), figures)


async def _measure(vault: Vault, folder: Path) -> list[tuple[Cell, ...]]:
    megabytes = sum(len(note.text.encode()) for note in vault.notes) / 1e6
    async with open_engine(vault.write(folder), folder) as engine:
        searched, processor = await _search_ms(vault, engine)
        edited = await _edit_ms(vault, engine)
        unchanged = await engine.index.refresh()
        status = await engine.index.status()
        size = await anyio.Path(folder / "index.db").stat()
    grepped = _grep_ms(vault)
    return [
        ("text, MB", megabytes, None),
        ("passages", status.passages, None),
        ("index, MB", size.st_size / 1e6, None),
        ("indexing, s", engine.indexing_s, 60),
        ("nothing changed, s", unchanged.seconds, None),
        ("one edit, p50 ms", percentile(edited, 50), 200),
        ("search, p50 ms", percentile(searched, 50), None),
        ("search, p95 ms", percentile(searched, 95), 20),
        ("search, p95 processor ms", percentile(processor, 95), None),
        ("grep, p95 ms", percentile(grepped, 95), None),
    ]


async def _search_ms(vault: Vault, engine: Engine) -> tuple[list[float], list[float]]:
    """Wall and processor time of each search; the second tells more on a machine that others use as well."""
    wall: list[float] = []
    processor: list[float] = []
    for question in (*vault.questions[:WARM_UP], *vault.questions):
        began, began_cpu = time.perf_counter(), time.process_time()
        await engine.retriever.retrieve(question.text, k=6)
        wall.append((time.perf_counter() - began) * 1e3)
        processor.append((time.process_time() - began_cpu) * 1e3)
    return wall[WARM_UP:], processor[WARM_UP:]


async def _edit_ms(vault: Vault, engine: Engine) -> list[float]:
    times: list[float] = []
    for note in vault.notes[:: len(vault.notes) // EDITS][:EDITS]:
        await anyio.Path(engine.root / note.path).write_text(f"{note.text}\nOne more line.\n", encoding="utf-8")
        began = time.perf_counter()
        await engine.index.refresh([note.path])
        times.append((time.perf_counter() - began) * 1e3)
    return times


def _grep_ms(vault: Vault) -> list[float]:
    grep = Grep([section for note in vault.notes for section in sections_of(note)])
    times: list[float] = []
    for question in vault.questions[:GREPPED]:
        began = time.perf_counter()
        grep.search(question.text, 6)
        times.append((time.perf_counter() - began) * 1e3)
    return times
