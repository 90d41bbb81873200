"""Puts jobs into words: the table of all, how far one is, what it would take, and its report."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from amalfa.cli.safe_text import safe_line
from amalfa.cli.table import table
from amalfa.cli.wording import count, dollars, sentence
from amalfa.client.document import Document

NAMED_MOST = 20
"""How many notes a report names; the JSON has all of them."""

Told = tuple[str, str]
"""A note's path and what is to be told of it."""


@dataclass(frozen=True, slots=True)
class Report:
    """A job as it ended, or stands. `left_alone` and `written` are None when nothing was to be written into notes."""

    job: Document
    failures: Sequence[Told] = ()
    refused: Sequence[Told] = ()
    left_out: int = 0
    written: int | None = None
    left_alone: Sequence[Told] = field(default_factory=tuple)

    def count(self, state: str) -> int:
        return self.job.item("counts").whole(state) or 0

    @property
    def is_good(self) -> bool:
        """Whether every note has its description."""
        unfinished = self.count("failed") + self.count("cancelled") + (self.job.whole("left") or 0)
        return not unfinished and not self.refused

    def fields(self) -> dict[str, object]:
        """The report as --json prints it."""
        return {
            "job": self.job.text("id") or None,
            "state": self.job.text("state"),
            "reason": self.job.text("reason"),
            "done": self.count("done"),
            "failed": self.count("failed"),
            "cancelled": self.count("cancelled"),
            "left": self.job.whole("left") or 0,
            "unchanged": self.count("skipped"),
            "skipped": len(self.refused),
            "beyond_limit": self.left_out,
            "tokens_in": self.job.whole("tokens_in") or 0,
            "tokens_out": self.job.whole("tokens_out") or 0,
            "cost_usd": self.job.number("cost_usd") or 0.0,
            "failures": _told(self.failures),
            "refused": _told(self.refused),
            "written": self.written,
            "left_alone": _told(self.left_alone),
        }


def report_text(report: Report) -> str:
    """The summary, with every note that failed or was left alone, and why."""
    job = report.job
    parts = [
        f"{report.count(state):,} {word}"
        for state, word in (
            ("done", "done"),
            ("failed", "failed"),
            ("cancelled", "cancelled"),
            ("skipped", "unchanged"),
        )
        if report.count(state) or state == "done"
    ]
    if left := job.whole("left") or 0:
        parts.append(f"{left:,} left")
    cost_usd = job.number("cost_usd") or 0.0
    lines = [
        f"{job.text('id')} {job.text('state')}: {', '.join(parts)}; {dollars(cost_usd) if cost_usd else 'no cost'}."
    ]
    if job.text("reason"):
        lines.append(f"It {'is paused' if job.text('state') == 'paused' else 'waits'}: {sentence(job.text('reason'))}")
    if report.written is not None:
        lines.append(f"{count(report.written, 'note')} written.")
    if report.left_out:
        lines.append(f"{count(report.left_out, 'note')} beyond --limit.")
    lines += _named("Failed", report.failures)
    lines += _named("Not a note that can be read", report.refused)
    lines += _named("Left alone", report.left_alone)
    if report.failures:
        lines.append(f"To try them again: amalfa jobs retry {job.text('id')}")
    return "\n".join(lines)


def estimate_text(estimate: Document) -> str:
    """What a job would take, in one line."""
    notes, tokens = estimate.whole("notes") or 0, estimate.whole("tokens") or 0
    parts = [count(notes, "note"), f"about {count(tokens, 'token')}"]
    if not estimate.text("model"):
        return ", ".join([*parts, f"no model now ({safe_line(estimate.text('waiting')).rstrip('.')})"])
    parts.append(_price(estimate))
    seconds = estimate.number("seconds")
    if seconds:
        parts.append(f"about {time_text(seconds)}")
    return ", ".join([*parts, safe_line(estimate.text("model"))])


def progress_text(told: Document) -> str:
    """How far a job is: what is done, how fast, how long, for how much."""
    parts = [f"{told.whole('done') or 0:,} done"]
    parts += [
        f"{told.whole(key) or 0:,} {word}" for key, word in (("failed", "failed"), ("left", "left")) if told.whole(key)
    ]
    if rate := told.number("rate_per_s"):
        parts.append(f"{rate:.2g}/s" if rate >= 0.1 else f"{rate * 60:.2g}/min")
    if eta_s := told.number("eta_s"):
        parts.append(f"{time_text(eta_s)} to go")
    parts.append(f"{(told.whole('tokens_in') or 0) + (told.whole('tokens_out') or 0):,} tokens")
    parts.append(dollars(told.number("cost_usd") or 0.0))
    if told.text("reason"):
        parts.append(f"{told.text('state')}: {told.text('reason')}")
    return safe_line(", ".join(parts))


def jobs_table(jobs: Sequence[Document], *, width: int) -> str:
    heads = ["job", "task", "state", "done", "failed", "left", "cost", "started"]
    return table(heads, [_row(job) for job in jobs], width=width)


def time_text(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _row(job: Document) -> list[str]:
    counts = job.item("counts")
    done = (counts.whole("done") or 0) + (counts.whole("skipped") or 0)
    return [
        job.text("id"),
        job.text("task"),
        job.text("state"),
        f"{done:,}",
        f"{counts.whole('failed') or 0:,}",
        f"{job.whole('left') or 0:,}",
        dollars(job.number("cost_usd") or 0.0),
        job.text("created_at").replace("T", " ")[:16],
    ]


def _price(estimate: Document) -> str:
    low, high = estimate.number("cost_usd_low"), estimate.number("cost_usd_high")
    if low is None or high is None:
        return "price unknown"
    return f"{dollars(low)} to {dollars(high)}" if high else "no cost"


def _named(heading: str, told: Sequence[Told]) -> list[str]:
    shown = [f"  {safe_line(path)}: {safe_line(reason)}" for path, reason in told[:NAMED_MOST]]
    more = len(told) - len(shown)
    return [f"{heading}:", *shown, *([f"  and {more:,} more (--json has all)"] if more else [])] if told else []


def _told(told: Sequence[Told]) -> list[dict[str, str]]:
    return [{"path": path, "reason": reason} for path, reason in told]
