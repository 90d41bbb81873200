"""Where an answer came from, in words: who answered, at what cost, what left the machine, and why that model."""

from amalfa.cli.table import table
from amalfa.cli.wording import count, dollars, duration, sentence
from amalfa.client.document import Document

_OUT_OF_REACH = frozenset(
    {
        "unreachable",
        "not_installed",
        "no_key",
        "parked",
        "unknown_provider",
        "breaker_open",
        "cooling",
        "free_limit",
        "over_budget",
        "price_unknown",
        "context_too_short",
    }
)


def provenance_lines(reply: Document) -> list[str]:
    """The lines that follow an answer on stderr: who answered, what was passed over, what left the machine."""
    route, usage = reply.item("route"), reply.item("usage")
    model = reply.text("model") or route.text("model")
    if not model:
        return []
    tier = reply.text("tier") or route.text("tier")
    facts = [f"Answered by {model}" + (f" ({tier})" if tier else ""), cost_text(usage.number("cost_usd"), tier)]
    if usage.number("ms"):
        facts.append(duration(usage.number("ms") or 0))
    lines = [", ".join(facts) + "."]
    lines += [f"Not used: {sentence(reason)}" for reason in passed_over(route, model)]
    if route.text("cache") == "hit":
        lines.append("From the cache: nothing was asked.")
    if route.text("cache") == "stale":
        lines.append("From the cache, past its age: no model could answer.")
    return [*lines, left_machine_text(route, model)]


def cost_text(cost_usd: float | None, tier: str) -> str:
    """What it cost. Unknown is said, never shown as nothing; what runs on one's own machine is free."""
    if cost_usd is None:
        return "no cost" if tier in ("embedded", "local") else "cost unknown"
    if cost_usd == 0:
        return "no cost"
    return dollars(cost_usd)


def left_machine_text(route: Document, model: str) -> str:
    """What was sent off this machine, to whom; failed attempts count as well."""
    left = route.item("leftMachine")
    if not left:
        return f"stayed here: {model.partition(':')[2] or model}"
    sent = count(left.whole("tokens") or 0, "token")
    notes = left.texts("notes")
    what = f"{sent} of {count(len(notes), 'note')}" if notes else sent
    blanked = left.whole("redactions") or 0
    kept_back = f", {count(blanked, 'place')} blanked" if blanked else ""
    return f"{what} to {', '.join(left.texts('to'))}{kept_back}"


def passed_over(route: Document, model: str) -> list[str]:
    """Why others did not answer: those that failed, those out of reach, and those asked for by name."""
    failed = [
        f"{attempt.text('model')}: {attempt.text('error') or attempt.text('outcome')}"
        for attempt in route.items("attempts")
        if attempt.text("outcome") not in ("", "ok") and attempt.text("model") != model
    ]
    unreached = [
        f"{one.text('model')}: {one.text('detail') or one.text('code')}"
        for one in route.items("candidates")
        if one.text("verdict") == "refused"
        and one.text("model") != model
        and (one.flag("isWanted") or one.text("code") in _OUT_OF_REACH)
    ]
    return failed + unreached


def explanation(route: Document, *, width: int) -> str:
    """The whole decision: the model chosen and why, every candidate with its verdict, every attempt."""
    parts = [f"Chosen: {route.text('model') or 'no model'} ({route.text('tier')}), strategy {route.text('strategy')}."]
    if route.text("reason"):
        parts.append(f"Reason: {route.text('reason')}")
    candidates = [
        [one.text("model"), one.text("verdict"), one.text("code"), one.text("detail")]
        for one in route.items("candidates")
    ]
    if candidates:
        parts += ["", "Candidates", table(["model", "verdict", "code", "detail"], candidates, width=width)]
    attempts = [_attempt_row(one) for one in route.items("attempts")]
    if attempts:
        heads = ["model", "outcome", "time", "tokens", "cost", "error"]
        parts += ["", "Attempts", table(heads, attempts, width=width)]
    if route.texts("repairs"):
        parts += ["", f"Repairs: {', '.join(route.texts('repairs'))}"]
    generation = route.whole("generation")
    parts += ["", f"Configuration generation {generation}, request {route.text('requestId')}."]
    return "\n".join(parts)


def _attempt_row(attempt: Document) -> list[str]:
    tokens = [attempt.whole(name) for name in ("tokensIn", "tokensOut")]
    shown = "/".join("?" if number is None else f"{number:,}" for number in tokens)
    cost_usd = attempt.number("costUsd")
    return [
        attempt.text("model"),
        attempt.text("outcome"),
        duration(attempt.number("ms") or 0),
        shown,
        "unknown" if cost_usd is None else f"${cost_usd:g}",
        attempt.text("error"),
    ]
