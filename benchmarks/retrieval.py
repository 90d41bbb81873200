"""How well questions are answered over the evaluation vault, beside counting words and bare BM25."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from amalfa.calls import Passage
from amalfa.knowledge.retrieve import Evidence
from amalfa.providers.embedded.answer import NOT_IN_NOTES
from benchmarks.baselines import Grep, PlainBm25, sections_of
from benchmarks.engine import Engine, open_engine
from benchmarks.figures import percentile
from benchmarks.grading import Graded, covers, grade, mean, refusals
from benchmarks.options import Options
from benchmarks.report import Cell, Report, Table
from benchmarks.vault import Vault, make_vault
from benchmarks.world.question import TYPES, Question
from benchmarks.world.rewording import reword

K = 6
"""As many passages as `amalfa ask` reads."""

WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one question, from the gate to the checked quotes.

    `gate_refused`: retrieval found too little. `refused`: that, or the embedded engine found no fitting line.
    `is_right`: the answer holds the gold text. `quotes` counts the citations that code could verify and all of
    them; `on_gold` those verified ones whose lines touch a gold line.
    """

    question: Question
    gate_refused: bool
    refused: bool
    is_right: bool
    quotes: int
    verified: int
    on_gold: int
    ms: float


@dataclass(frozen=True, slots=True)
class Run:
    """All measurements over one vault. `moved` is the share of answers found again after edits moved them."""

    graded: dict[str, list[Graded]]
    passage_characters: dict[str, float]
    answered: list[Answered]
    moved: float | None
    edit_ms: float | None
    indexing_s: float


def run(options: Options) -> Report:
    notes, questions = (200, 80) if options.is_quick else (1_000, 200)
    vault = make_vault(notes, options.seed, questions)
    if options.wording == "second":
        vault = replace(vault, questions=reword(vault.questions, options.seed))
    with TemporaryDirectory() as folder:
        outcome = anyio.run(measure, vault, Path(folder), backend="asyncio")
    about = {"notes": notes, "questions": questions, "seed": options.seed, "wording": options.wording}
    report = report_of(outcome, about)
    return report if options.wording == "first" else replace(report, name=f"{report.name}-{options.wording}")


async def measure(vault: Vault, folder: Path) -> Run:
    """Write the vault below `folder`, index it, ask everything, then edit and ask again."""
    graded: dict[str, list[Graded]] = {}
    characters: dict[str, float] = {}
    sections = [section for note in vault.notes for section in sections_of(note)]
    for baseline in (PlainBm25(sections), Grep(sections)):
        graded[baseline.name], characters[baseline.name] = _grade_baseline(vault, baseline.search)
    async with open_engine(vault.write(folder), folder) as engine:
        graded["amalfa"], characters["amalfa"], answered = await _grade_engine(vault, engine)
        moved, edit_ms = await _after_edits(vault, engine)
        return Run(graded, characters, answered, moved, edit_ms, engine.indexing_s)


def _grade_baseline(vault: Vault, search: Callable[[str, int], list[Passage]]) -> tuple[list[Graded], float]:
    graded: list[Graded] = []
    lengths: list[int] = []
    for question in vault.questions:
        began = time.perf_counter()
        passages = search(question.text, K)
        graded.append(grade(question, passages, refused=None, ms=(time.perf_counter() - began) * 1e3))
        lengths.extend(len(passage.text) for passage in passages)
    return graded, mean(lengths) or 0.0


async def _grade_engine(vault: Vault, engine: Engine) -> tuple[list[Graded], float, list[Answered]]:
    graded: list[Graded] = []
    answered: list[Answered] = []
    lengths: list[int] = []
    for question in vault.questions[:WARM_UP]:
        await engine.retriever.retrieve(question.text, k=K)
    for question in vault.questions:
        began = time.perf_counter()
        evidence = await engine.retriever.retrieve(question.text, k=K)
        ms = (time.perf_counter() - began) * 1e3
        graded.append(grade(question, evidence.passages, refused=not evidence.is_sufficient, ms=ms))
        lengths.extend(len(passage.text) for passage in evidence.passages)
        answered.append(await _answer(question, evidence, engine))
    return graded, mean(lengths) or 0.0, answered


async def _answer(question: Question, evidence: Evidence, engine: Engine) -> Answered:
    if not evidence.is_sufficient:
        return Answered(question, True, True, False, 0, 0, 0, 0.0)
    began = time.perf_counter()
    text = await engine.answer(question.text, evidence)
    ms = (time.perf_counter() - began) * 1e3
    if text.startswith(NOT_IN_NOTES):
        return Answered(question, False, True, False, 0, 0, 0, ms)
    checked = engine.check(text, evidence.passages)
    verified = [citation for citation in checked.citations if citation.verified]
    spans = [span for gold in question.golds for span in gold.spans]
    on_gold = sum(any(covers(span, one.path, one.start_line, one.end_line) for span in spans) for one in verified)
    is_right = question.is_answerable and question.golds[-1].holds in text
    quotes = len(checked.citations) + checked.dropped
    return Answered(question, False, False, is_right, quotes, len(verified), on_gold, ms)


async def _after_edits(vault: Vault, engine: Engine) -> tuple[float | None, float | None]:
    """Save each edit, index just that note, and ask its question again."""
    by_id = {question.id: question for question in vault.questions}
    found: list[float] = []
    times: list[float] = []
    for edit in vault.edits:
        await anyio.Path(engine.root / edit.path).write_text(edit.text, encoding="utf-8")
        began = time.perf_counter()
        await engine.index.refresh([edit.path])
        times.append((time.perf_counter() - began) * 1e3)
        question = by_id[edit.question_id]
        evidence = await engine.retriever.retrieve(question.text, k=K)
        moved = Question(question.id, question.type, question.text, (edit.gold,))
        found.append(grade(moved, evidence.passages, refused=None, ms=0.0).recall[5])
    return mean(found), percentile(times, 50) if times else None


def report_of(outcome: Run, about: Mapping[str, int | str]) -> Report:
    tables = (_search_table(outcome), _type_table(outcome), _refusal_table(outcome), _answer_table(outcome))
    figures: dict[str, object] = {"about": about}
    for table in tables:
        figures[table.title] = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    figures["missed"] = [_miss(graded) for graded in outcome.graded["amalfa"] if _is_missed(graded)]
    figures["answers"] = [{"question": one.question.text, **_plain(one)} for one in outcome.answered]
    return Report("retrieval", tables, figures)


def _plain(one: Answered) -> dict[str, object]:
    fields = asdict(one)
    fields["question_id"] = one.question.id
    del fields["question"]
    return fields


def _is_missed(graded: Graded) -> bool:
    if graded.question.is_answerable:
        return graded.recall[5] < 1 or bool(graded.refused)
    return not graded.refused


def _miss(graded: Graded) -> dict[str, object]:
    question = graded.question
    golds = [span.place for gold in question.golds for span in gold.spans]
    reason = question.reason or f"recall@5 {graded.recall[5]}"
    return {"type": question.type, "question": question.text, "refused": graded.refused, "why": reason, "gold": golds}


def _answerable(graded: Sequence[Graded]) -> list[Graded]:
    return [one for one in graded if one.question.is_answerable]


def _search_table(outcome: Run) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name in ("amalfa", "bm25", "grep"):
        asked = _answerable(outcome.graded[name])
        times = [one.ms for one in outcome.graded[name]]
        rows.append(
            (
                name,
                mean(one.recall[1] for one in asked),
                mean(one.recall[5] for one in asked),
                mean(one.reciprocal_rank for one in asked),
                percentile(times, 50),
                percentile(times, 95),
                round(outcome.passage_characters[name]),
            )
        )
    return Table(
        "search", ("engine", "recall@1", "recall@5", "MRR", "p50 ms", "p95 ms", "characters/passage"), tuple(rows)
    )


def _type_table(outcome: Run) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for kind in TYPES:
        cells: list[Cell] = [
            mean(one.recall[5] for one in outcome.graded[name] if one.question.type == kind)
            for name in ("amalfa", "bm25", "grep")
        ]
        answers = [one for one in outcome.answered if one.question.type == kind]
        cells += [mean(not one.gate_refused for one in answers), mean(one.is_right for one in answers)]
        rows.append((kind, *cells))
    columns = ("recall@5 by type", "amalfa", "bm25", "grep", "passes the gate", "answered right")
    return Table("types", columns, tuple(rows))


def _refusal_table(outcome: Run) -> Table:
    gate = refusals((one.question, one.gate_refused) for one in outcome.answered)
    both = refusals((one.question, one.refused) for one in outcome.answered)
    rows = (("evidence gate", gate.precision, gate.recall), ("gate and embedded engine", both.precision, both.recall))
    return Table("refusal", ("refused by", "precision", "recall"), rows)


def _answer_table(outcome: Run) -> Table:
    answered = [one for one in outcome.answered if not one.refused]
    asked = [one for one in outcome.answered if one.question.is_answerable]
    quotes, verified = sum(one.quotes for one in answered), sum(one.verified for one in answered)
    to_real = [one for one in answered if one.question.is_answerable]
    on_gold, of = sum(one.on_gold for one in to_real), sum(one.verified for one in to_real)
    rows: tuple[tuple[Cell, ...], ...] = (
        ("answered right, of the answerable", mean(one.is_right for one in asked)),
        ("answered right, of those answered", mean(one.is_right for one in to_real)),
        ("quotes verified by code", verified / quotes if quotes else None),
        ("cited lines that touch a gold line", on_gold / of if of else None),
        ("embedded answer, p50 ms", percentile([one.ms for one in answered], 50) if answered else None),
        ("moved answers found after re-indexing", outcome.moved),
        ("one edit indexed, p50 ms", outcome.edit_ms),
        ("first indexing, s", outcome.indexing_s),
    )
    return Table("answers", ("embedded engine, no model", "value"), rows)
