"""`sonar status` in words. Uses nothing but the status itself, so that it is quick."""

from amalfa.cli.wording import dollars
from amalfa.client.document import Document


def status_text(status: Document) -> str:
    """What a person wants to know first comes first; one line per provider host, problems last."""
    config, index = status.item("config"), status.item("index")
    rows = [
        ("sonar", _process(status)),
        ("answers", _inference(status.item("inference"))),
        *(("provider" if number == 0 else "", line) for number, line in enumerate(_providers(status))),
        (
            "notes",
            f"{index.whole('notes') or 0:,} notes, {index.whole('passages') or 0:,} passages, {_freshness(index)}",
        ),
        (
            "config",
            f"{config.text('path')}, generation {config.whole('generation')}, loaded {config.text('loaded_at')}",
        ),
        ("waiting", _numbers(status.item("queue"), interactive="questions", background="in the background")),
        ("jobs", _numbers(status.item("jobs"), running="running", queued="queued", failed="failed")),
        ("today", _usage(status.item("usage_today"))),
        ("root", status.text("root")),
        ("socket", status.text("socket")),
        *((("http", url),) if (url := status.item("http").text("url")) else ()),
    ]
    lines = [f"{label:<9} {text}".rstrip() for label, text in rows]
    lines += [f"notice    {notice}" for notice in status.texts("notices")]
    return "\n".join([*lines, *_findings(config)])


def _process(status: Document) -> str:
    state = "unhealthy" if status.raw("healthy") is False else "running"
    return f"{state}, pid {status.whole('pid')}, version {status.text('version')}, up {_age(status.number('uptime_s'))}"


def _numbers(told: Document, **words: str) -> str:
    return ", ".join(f"{told.whole(name) or 0} {word}" for name, word in words.items())


def _inference(inference: Document) -> str:
    reason = f": {inference.text('reason')}" if inference.text("reason") else ""
    return f"{inference.text('model') or 'no model'} ({inference.text('tier')}, mode {inference.text('mode')}){reason}"


def _providers(status: Document) -> list[str]:
    lines = []
    for provider in status.items("providers"):
        hosts = provider.items("hosts")
        reason = provider.text("reason").rstrip(".") or ("part of sonar" if _is_built_in(hosts) else "")
        lines.append(f"{provider.text('name')} {provider.text('state')}" + (f" ({reason})" if reason else ""))
        lines += [f"  {_host(host)}" for host in hosts if host.text("url")]
    return lines


def _is_built_in(hosts: list[Document]) -> bool:
    """Whether a provider works without being dialled: what it says of itself stands where others have hosts."""
    return bool(hosts) and not any(host.text("url") for host in hosts)


def _host(host: Document) -> str:
    loaded = f", loaded {', '.join(host.texts('loaded'))}" if host.texts("loaded") else ""
    return f"{host.text('url')} {host.text('state')}{loaded}{_line(host.item('calls'))}"


def _line(calls: Document) -> str:
    """The queue of a host, as far as anything happened there."""
    waiting = calls.item("waiting")
    told = (
        (calls.whole("running"), "running"),
        (waiting.whole("interactive"), "of people waiting"),
        (waiting.whole("background"), "in the background waiting"),
        (calls.whole("swaps_made"), "models swapped"),
        (calls.whole("swaps_avoided"), "swaps avoided"),
    )
    return "".join(f", {number} {words}" for number, words in told if number)


def _freshness(index: Document) -> str:
    stale = index.whole("stale") or 0
    if not index.text("updated_at"):
        return "not indexed yet"
    return f"indexed {index.text('updated_at')}" + (f", {stale} newer than that" if stale else "")


def _usage(usage: Document) -> str:
    unknown = usage.whole("unknown_costs") or 0
    extra = f" and {unknown} of unknown cost" if unknown else ""
    return f"{usage.whole('calls') or 0} calls, {dollars(usage.number('cost_usd') or 0)}{extra}"


def _findings(config: Document) -> list[str]:
    problems, warnings = config.items("problems"), config.items("warnings")
    lines = []
    if problems:
        lines.append("\nThe configuration file has problems; the last good configuration is in force:")
    lines += [f"  {_place(problem)}: {problem.text('message')}" for problem in problems]
    return lines + [f"warning   {_place(warning)}: {warning.text('message')}" for warning in warnings]


def _place(problem: Document) -> str:
    line = problem.whole("line")
    return problem.text("path") + ("" if line is None else f":{line}")


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
