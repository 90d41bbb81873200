"""The replies of sonar in words, for people and for models that read no structured output."""

from amalfa.client.document import Document


def answer(reply: Document) -> str:
    """The answer with its sources, or why there is none."""
    if reply.flag("refused"):
        lines = [f"The notes do not answer this: {reply.text('reason') or 'too little was found'}."]
        lines += [f"Nearest: {one.text('title')} ({one.text('path')})" for one in reply.items("nearest")]
        return "\n".join(lines)
    lines = [reply.text("answer")]
    sources = [f"[{one.whole('n')}] {_place(one)}" for one in reply.items("citations")]
    if sources:
        lines += ["", "Sources:", *sources]
    lines += [f"Warning: {warning}." for warning in reply.texts("warnings")]
    lines += ["", f"Answered by {reply.text('model') or 'no model'} ({reply.text('tier') or 'no tier'})."]
    return "\n".join(lines)


def passages(reply: Document) -> str:
    """Each passage under its place in the notes, the best first."""
    found = [f"{_place(one)}\n{one.text('text')}" for one in reply.items("passages")]
    return "\n\n".join(found) or "No note matches."


def models(reply: Document) -> str:
    """One line for each model, and the hosts that could not be asked."""
    lines = [_model_line(one) for one in reply.items("models")] or ["No model is known."]
    lines += [f"{one.text('url')} could not be asked: {one.text('reason')}" for one in reply.items("unreachable")]
    return "\n".join(lines)


def model(reply: Document) -> str:
    """What is known of one model."""
    window = reply.whole("context_tokens")
    price = reply.item("price")
    details = {
        "context": f"{window} tokens" if window else "",
        "parameters": reply.text("parameter_size"),
        "quantization": reply.text("quantization"),
        "family": reply.text("family"),
        "abilities": ", ".join(reply.texts("capabilities")),
        "price per million tokens": _price(price) if price else "",
        "hosts": ", ".join(one.text("url") for one in reply.items("hosts")),
    }
    return "\n".join([_model_line(reply), *(f"{name}: {value}" for name, value in details.items() if value)])


def action(reply: Document) -> str:
    """What was done with a model, or would be."""
    lines: list[str] = []
    if reply.flag("dry_run"):
        lines.append("Dry run; nothing was changed.")
    if reply.flag("dry_run") or not reply.flag("changes"):
        lines += reply.texts("does")
    else:
        lines.append(f"{reply.text('model')}: {reply.text('action')} done at {', '.join(reply.texts('hosts'))}.")
    lines += [f"Warning: {warning}" for warning in reply.texts("warnings")]
    refusal = reply.item("refusal")
    if refusal:
        lines.append(f"It would be refused ({refusal.text('code')}): {refusal.text('message')}")
    return "\n".join(lines)


def task(reply: Document) -> str:
    """The output of a task, a line for each field that says something."""
    output = reply.item("output")
    shown = {name: _shown(output.raw(name)) for name in output}
    return "\n".join(f"{name}: {value}" for name, value in shown.items() if value)


def usage(reply: Document) -> str:
    """The sums of each group and of all."""
    rows = [*reply.items("groups"), reply.item("total")]
    return "\n".join([f"Since {reply.text('since')}, by {reply.text('by')}:", *map(_sums, rows)])


def _sums(row: Document) -> str:
    tokens = f"{row.whole('tokens_in') or 0} tokens in, {row.whole('tokens_out') or 0} out"
    unknown = row.whole("unknown_costs") or 0
    cost = f"{row.number('cost_usd') or 0:.4f} USD" + (f" and {unknown} unknown" if unknown else "")
    return f"{row.text('name') or 'total'}: {row.whole('calls') or 0} calls, {tokens}, {cost}"


def _model_line(one: Document) -> str:
    is_loaded = any(place.item("loaded") for place in one.items("hosts"))
    states = {
        "in memory": is_loaded,
        "not installed": "installed" in one and one.raw("installed") is False,
        f"{one.whole('running')} calls running": bool(one.whole("running")),
    }
    notes = [one.text("tier"), *(state for state, holds in states.items() if holds)]
    return f"{one.text('name')} ({', '.join(note for note in notes if note)})"


def _price(price: Document) -> str:
    return f"{price.number('input_usd'):g} USD in, {price.number('output_usd'):g} USD out"


def _place(one: Document) -> str:
    place = f"{one.text('path')}:{one.whole('start_line')}-{one.whole('end_line')}"
    heading = one.text("heading")
    return f"{place} {heading}" if heading else place


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return "; ".join(f"{key} {_shown(one)}" for key, one in value.items() if one not in (None, [], ""))
    return "" if value is None else str(value)
