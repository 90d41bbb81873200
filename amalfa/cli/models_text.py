"""Models in words: the table of all of them, the page of one, and what an action did or would do."""

from collections.abc import Sequence

from amalfa.cli.safe_text import safe_line
from amalfa.cli.table import table
from amalfa.cli.wording import count
from amalfa.client.document import Document

HEADS = ("model", "tier", "size", "USD/M in, out", "context", "quality", "where")
# Ollama writes a date some three hundred years ahead for "never".
_FOREVER = "22"


def models_table(models: Sequence[Document], *, width: int) -> str:
    """One line for each model."""
    return table(HEADS, [_row(model) for model in models], width=width)


def model_page(model: Document) -> str:
    """Everything that is known of one model, one thing in a line."""
    rows = [
        ("model", safe_line(model.text("name"))),
        ("tier", model.text("tier") + (", sent on to a cloud by Ollama" if model.flag("forwarded") else "")),
        ("size", _size(model)),
        ("kind", " ".join(filter(None, (safe_line(model.text("family")), safe_line(model.text("quantization")))))),
        ("can do", safe_line(", ".join(model.texts("capabilities")))),
        ("context", _tokens(model.whole("context_tokens"))),
        ("price", _price(model.item("price"), unknown="unknown")),
        ("quality", _number(model.number("quality"))),
        ("in use", count(model.whole("running") or 0, "call") if model.whole("running") else ""),
    ]
    lines = [f"{label:<9} {text}" for label, text in rows if text]
    lines += [f"{'at':<9} {_place(place)}" for place in model.items("hosts")]
    if model.raw("installed") is False:
        lines.append(f"{'at':<9} not installed; amalfa models pull {safe_line(model.text('model'))}")
    return "\n".join(lines)


def dry_run_text(told: Document) -> str:
    """What would happen, sentence by sentence, and what speaks against it."""
    lines = [safe_line(sentence) for sentence in told.texts("does")]
    lines += [f"Warning: {safe_line(warning)}" for warning in told.texts("warnings")]
    if refusal := told.item("refusal"):
        lines.append(f"It would be refused: {safe_line(refusal.text('message'))}")
        lines += [f"Fix: {safe_line(refusal.text('hint'))}"] if refusal.text("hint") else []
    return "\n".join(lines)


def done_text(told: Document) -> str:
    """What was done."""
    model, where = safe_line(told.text("model")), " and ".join(safe_line(url) for url in told.texts("hosts"))
    if not told.flag("changes"):
        return " ".join(safe_line(sentence) for sentence in told.texts("does"))
    match told.text("action"):
        case "load":
            gone = ", ".join(safe_line(one) for one in told.texts("pushed_out"))
            more = f" Ollama may have taken out {gone} to make room." if gone else ""
            return f"{model} is in memory at {where}.{more}"
        case "unload":
            return f"{model} leaves memory at {where}."
        case _:
            return f"{model} is installed at {where}."


def readable(size: float) -> str:
    """`986 MB`, `4.7 GB`: bytes as model sizes are told, in powers of ten."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _row(model: Document) -> tuple[str, ...]:
    return (
        safe_line(model.text("name")),
        model.text("tier"),
        _size(model),
        _price(model.item("price")),
        _tokens(model.whole("context_tokens")),
        _number(model.number("quality")),
        _where(model),
    )


def _size(model: Document) -> str:
    size = model.whole("size_bytes")
    parameters = safe_line(model.text("parameter_size"))
    return ", ".join(filter(None, (readable(size) if size else "", parameters)))


def _price(price: Document, *, unknown: str = "") -> str:
    given, made = price.number("input_usd"), price.number("output_usd")
    if given is None or made is None:
        return unknown
    return "free" if given == made == 0 else f"{given:.2f}, {made:.2f}"


def _tokens(tokens: int | None) -> str:
    return "" if tokens is None else f"{tokens:,}"


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"


def _where(model: Document) -> str:
    """Where the model is ready, as short as it can be told."""
    if model.raw("installed") is False:
        return "not installed"
    places = model.items("hosts")
    loaded = [place for place in places if place.item("loaded")]
    use = f", {count(model.whole('running') or 0, 'call')} running" if model.whole("running") else ""
    if not places:
        return ""
    names = ", ".join(_host(place) for place in loaded or places)
    return f"{'loaded' if loaded else 'installed'} at {names}{use}"


def _place(place: Document) -> str:
    memory = place.item("loaded")
    if not memory:
        return f"{_host(place)}, not in memory"
    size, on_gpu = memory.whole("size_bytes"), memory.whole("vram_bytes")
    parts = [
        f"{_host(place)}, in memory",
        f"{readable(size)}" if size else "",
        f"{readable(on_gpu)} of it on the GPU" if on_gpu else "",
        f"window of {memory.whole('window_tokens'):,} tokens" if memory.whole("window_tokens") else "",
        _until(memory.text("expires_at")),
    ]
    return ", ".join(filter(None, parts))


def _until(moment: str) -> str:
    if not moment:
        return ""
    return "stays there" if moment[:2] >= _FOREVER else f"until {safe_line(moment)}"


def _host(place: Document) -> str:
    return safe_line(place.text("url").partition("://")[2] or place.text("url"))
