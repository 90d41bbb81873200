"""Shows the dry run to people: the plan of one prompt, a table of many, what another configuration would change."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from amalfa.cli.safe_text import safe_line
from amalfa.cli.table import table, wrapped
from amalfa.cli.wording import count, dollars, sentence
from amalfa.client.document import Document

NOBODY = "no model"
SHOWN_MAX = 20
"""Where globs let hundreds of models in, the first ones tell enough."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over many prompts. The amounts leave out `unknown_costs` prompts whose price nobody knows."""

    calls: int
    unserved: int
    by_model: dict[str, int]
    tokens_in: int
    usd_low: float
    usd_high: float
    unknown_costs: int

    def fields(self) -> dict[str, object]:
        return {
            "calls": self.calls,
            "unserved": self.unserved,
            "byModel": self.by_model,
            "tokensIn": self.tokens_in,
            "usdLow": self.usd_low,
            "usdHigh": self.usd_high,
            "unknownCosts": self.unknown_costs,
        }


def totals_of(rows: Sequence[Document]) -> Totals:
    models = Counter(row.text("model") for row in rows if row.text("model"))
    estimates = [row.item("estimate") for row in rows if row.item("estimate")]
    return Totals(
        calls=len(rows),
        unserved=len(rows) - models.total(),
        by_model=dict(models.most_common()),
        tokens_in=sum(one.whole("tokensIn") or 0 for one in estimates),
        usd_low=round(sum(one.number("usdLow") or 0.0 for one in estimates), 9),
        usd_high=round(sum(one.number("usdHigh") or 0.0 for one in estimates), 9),
        unknown_costs=sum(one.number("usdLow") is None for one in estimates),
    )


def outlook_text(outlook: Document, *, width: int) -> str:
    """The model that would be asked and why, the plan, who was refused and why, and what may still be spent."""
    estimate = outlook.item("estimate")
    reason = outlook.text("reason") if outlook.text("model") else "nothing would be asked"
    parts = [f"{_choice(outlook)}: {sentence(reason)}"]
    if estimate:
        parts.append(f"Expect {_tokens(estimate)}, {_seconds(estimate)}, {_usd_range(estimate)}.")
    parts.append(f"Task {outlook.text('task')}, strategy {outlook.text('strategy')}.")
    if plan := outlook.items("plan"):
        shown = [_planned(place, one, width=width) for place, one in enumerate(plan[:SHOWN_MAX], start=1)]
        parts += ["", "Plan", *shown, *_more(plan)]
    if refused := [one for one in outlook.items("candidates") if one.text("verdict") == "refused"]:
        rows = [_refused_row(one) for one in refused[:SHOWN_MAX]]
        parts += ["", "Refused", table(["model", "code", "why not"], rows, width=width), *_more(refused)]
    limits = [_limit_row(one) for one in outlook.items("limits")]
    if limits:
        parts += ["", "Limits", table(["limit", "left"], limits, width=width)]
    return "\n".join(parts)


def rows_text(rows: Sequence[Document], *, width: int) -> str:
    """One row for each prompt of a file, then the totals."""
    heads = ["line", "task", "model", "tier", "est. cost", "reason"]
    return "\n".join([table(heads, [_row(row) for row in rows], width=width), "", *_totals_lines(totals_of(rows))])


def changes_text(changed: Sequence[Document], *, calls: int, against: str, width: int) -> str:
    """The prompts that another model would answer, before and after, and how many they are."""
    rows = [
        [str(one.whole("line")), _choice(one.item("before")), _choice(one.item("after")), _reason(one.item("after"))]
        for one in changed
    ]
    parts = [table(["line", "before", "after", "why"], rows, width=width), ""] if rows else []
    changes = f"{len(rows):,} of {count(calls, 'decision')}"
    return "\n".join([*parts, f"{changes} would be another one under {safe_line(against)}."])


def _choice(choice: Document) -> str:
    """`model (tier)`, or the code of the error in its place."""
    if choice.text("model"):
        return f"{safe_line(choice.text('model'))} ({choice.text('tier')})"
    return f"{NOBODY} ({choice.text('code')})" if choice.text("code") else NOBODY


def _reason(choice: Document) -> str:
    return safe_line(choice.text("reason"))


def _planned(place: int, planned: Document, *, width: int) -> str:
    """Two lines rather than a row, as a model's name and its reason are both long."""
    estimate = planned.item("estimate")
    leaves = "leaves this machine" if planned.flag("leavesMachine") else "stays here"
    what = f"{place}. {_choice(planned)}: {leaves}, {_seconds(estimate)}, {_usd_range(estimate)}"
    return f"{what}\n{wrapped(_reason(planned), width=width, indent='   ')}"


def _more(whole: Sequence[Document]) -> list[str]:
    left = len(whole) - SHOWN_MAX
    return [f"and {left:,} more; --json lists all of them"] if left > 0 else []


def _refused_row(judged: Document) -> list[str]:
    return [safe_line(judged.text("model")), judged.text("code"), safe_line(judged.text("detail"))]


def _limit_row(limit: Document) -> list[str]:
    left, whole = limit.number("leftUsd") or 0.0, limit.number("usd") or 0.0
    return [safe_line(limit.text("name")), f"{dollars(max(left, 0.0))} of {dollars(whole)}"]


def _row(row: Document) -> list[str]:
    estimate = row.item("estimate")
    return [
        str(row.whole("line")),
        safe_line(row.text("task")),
        safe_line(row.text("model")) or NOBODY,
        row.text("tier") or row.text("code"),
        _usd_range(estimate) if estimate else "",
        _reason(row),
    ]


def _totals_lines(totals: Totals) -> list[str]:
    models = [f"{calls:,} to {safe_line(model)}" for model, calls in totals.by_model.items()]
    unserved = [f"{totals.unserved:,} to no model"] if totals.unserved else []
    return [
        f"{count(totals.calls, 'prompt')}: {', '.join([*models, *unserved])}.",
        f"Expect about {count(totals.tokens_in, 'token')} in, {_total_cost(totals)}.",
    ]


def _total_cost(totals: Totals) -> str:
    """What is known, and for how many prompts nothing is."""
    is_free = totals.usd_high == 0
    known = "no cost" if is_free else f"{dollars(totals.usd_low)} to {dollars(totals.usd_high)}"
    if not totals.unknown_costs:
        return known
    unknown = f"an unknown cost for {count(totals.unknown_costs, 'prompt')}"
    return unknown if is_free else f"{known}, and {unknown}"


def _tokens(estimate: Document) -> str:
    tokens_in, most_out = estimate.whole("tokensIn") or 0, estimate.whole("tokensOutMax") or 0
    return f"about {count(tokens_in, 'token')} in and up to {most_out:,} out"


def _seconds(estimate: Document) -> str:
    return f"{estimate.number('seconds') or 0:g} s ({estimate.text('secondsSource')})"


def _usd_range(estimate: Document) -> str:
    """From a short reply to a full one. Unknown is said, never shown as nothing."""
    low, high = estimate.number("usdLow"), estimate.number("usdHigh")
    if low is None or high is None:
        return "cost unknown"
    return "no cost" if high == 0 else f"{dollars(low)} to {dollars(high)}"
