"""`amalfa usage`: what was used, from sonar's ledger."""

from datetime import date, timedelta
from urllib.parse import urlencode

import click

from amalfa.cli.bars import Bar, bars
from amalfa.cli.invocation import current
from amalfa.cli.lazy import command
from amalfa.cli.reach import Reached, reach
from amalfa.cli.safe_text import safe_line
from amalfa.cli.table import table
from amalfa.cli.terminal import Screen
from amalfa.cli.wording import count, dollars, duration
from amalfa.client.document import Document

EXAMPLES = """
amalfa usage
amalfa usage --since 24h --by task
amalfa usage --since 2026-11-01 --by day --plot
"""

NO_TEAM = "(no team)"
DAYS_DRAWN_MAX = 100
PIPE_WIDTH = 1_000
JSON_COUNTS = ("replies", "parsed", "valid", "repaired", "retried", "escalated", "refused")


@command("usage", examples=EXAMPLES)
@click.option("--since", default="7d", metavar="AGE|DATE", help="From when: 7d, 24h, 30m, 2w or 2026-11-01 (UTC).")
@click.option(
    "--by",
    type=click.Choice(["model", "task", "team", "day"]),
    default="model",
    help="What a line of the table is for.",
)
@click.option("--plot", is_flag=True, help="Draw cost and calls of each day as bars.")
def usage(since: str, by: str, plot: bool) -> None:
    """Tell what was used: calls, tokens, money and times, how much stayed local, and how replies were.

    Costs that a provider did not tell are named as unknown; they are not in the sums.
    """
    invocation = current()
    reached = reach(invocation)
    report = _report(reached, since, by)
    # A pipe has no edge, and whoever cuts columns out of it wants them on one line.
    width = invocation.out.width if invocation.out.is_live else PIPE_WIDTH
    invocation.show(report.fields(), usage_text(report, width=width))
    if plot and not invocation.is_json:
        days = report if by == "day" else _report(reached, since, "day")
        drawn = plot_text(days, invocation.out)
        invocation.write(f"\n{drawn}" if drawn else "")


def _report(reached: Reached, since: str, by: str) -> Document:
    return Document(reached.request("GET", f"/sonar/usage?{urlencode({'since': since, 'by': by})}"))


def usage_text(report: Document, *, width: int) -> str:
    """The table with its totals, then what holds for all of it."""
    total = report.item("total")
    since = report.text("since")[:16].replace("T", " ")
    if not total.whole("attempts") and not report.whole("cache_hits"):
        return f"Nothing was used since {since} UTC."
    by = report.text("by")
    groups = report.items("groups")
    if by == "day":
        groups.reverse()
    rows = [_row(_name(group, by), group) for group in groups]
    heads = [by, "calls", "tokens in", "tokens out", "p50", "p95", "cost"]
    lines = [f"Usage since {since} UTC", "", table(heads, [*rows, _row("total", total)], width=width)]
    if json_lines := report.items("json_lines"):
        lines += ["", "Replies that had to be JSON", "", json_table(json_lines, width=width)]
    return "\n".join([*lines, "", *_facts(report)])


def json_table(lines: list[Document], *, width: int) -> str:
    """What became of the replies of each model to each task."""
    rows = [
        [safe_line(line.text("task")), safe_line(line.text("model")), *_counts(line.item("counts"))] for line in lines
    ]
    return table(["task", "model", *JSON_COUNTS], rows, width=width)


def _counts(counts: Document) -> list[str]:
    return [_number(counts.whole(name)) for name in JSON_COUNTS]


def _name(group: Document, by: str) -> str:
    return safe_line(group.text("name")) or (NO_TEAM if by == "team" else "(none)")


def _row(name: str, sums: Document) -> list[str]:
    return [
        name,
        _number(sums.whole("calls")),
        _number(sums.whole("tokens_in")),
        _number(sums.whole("tokens_out")),
        _time(sums.whole("p50_ms")),
        _time(sums.whole("p95_ms")),
        cost_text(sums),
    ]


def cost_text(sums: Document) -> str:
    """What is known, and for how many attempts nothing is; never a 0 in the place of the unknown."""
    known, unknown = sums.number("cost_usd") or 0.0, sums.whole("unknown_costs") or 0
    if unknown and not known:
        return f"{unknown} unknown"
    return dollars(known) + (f" + {unknown} unknown" if unknown else "")


def _number(value: int | None) -> str:
    return f"{value or 0:,}"


def _time(ms: int | None) -> str:
    return "-" if ms is None else duration(ms)


def _facts(report: Document) -> list[str]:
    total, replies = report.item("total"), report.item("json_replies")
    attempts, failed = total.whole("attempts") or 0, total.whole("failed") or 0
    facts = [f"{count(attempts, 'attempt')}, {failed:,} failed"]
    ratio = report.number("local_ratio")
    if ratio is not None:
        facts[0] += f"; {ratio:.0%} of the replies local, {1 - ratio:.0%} from a cloud"
    if cached := report.whole("cache_hits"):
        facts.append(f"{count(cached, 'reply', 'replies')} from the cache")
    if replies.whole("replies"):
        numbers = ", ".join(f"{_number(replies.whole(name))} {name}" for name in ("valid", "repaired", "refused"))
        again, elsewhere = _number(replies.whole("retried")), _number(replies.whole("escalated"))
        facts.append(f"JSON replies: {numbers}; {again} asked for again, {elsewhere} handed on to another model")
    if reserved := report.number("reserved_usd"):
        facts.append(f"{dollars(reserved)} set aside for costs that nobody knows")
    facts += [_chosen(one) for one in report.items("reasons")[:5]]
    return facts


def _chosen(reason: Document) -> str:
    return f"chosen {count(reason.whole('count') or 0, 'time')}: {safe_line(reason.text('name'))}"


def plot_text(report: Document, screen: Screen) -> str:
    """Cost by day, where there is any, and calls by day; days without use have empty lines. "" without any day."""
    days = {day: group for group in report.items("groups") if (day := _day(group.text("name")))}
    whole = [(day.isoformat(), days.get(day, Document(None))) for day in _every_day(sorted(days))]
    if not whole:
        return ""
    parts = []
    if any(sums.number("cost_usd") or sums.whole("unknown_costs") for _, sums in whole):
        costs = [Bar(day, sums.number("cost_usd") or 0.0, cost_text(sums)) for day, sums in whole]
        parts.append(bars("Cost by day", costs, screen))
    calls = [Bar(day, sums.whole("calls") or 0, _number(sums.whole("calls"))) for day, sums in whole]
    return "\n".join([*parts, bars("Calls by day", calls, screen)])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _every_day(known: list[date]) -> list[date]:
    if not known:
        return []
    newest = known[-1]
    oldest = max(known[0], newest - timedelta(days=DAYS_DRAWN_MAX - 1))
    return [oldest + timedelta(days=number) for number in range((newest - oldest).days + 1)]
