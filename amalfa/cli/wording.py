"""Turns facts into words: sentences that end, numbers with their nouns, times people read."""


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends like a sentence already."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "?)")) else f"{text}."


def count(number: int, one: str, many: str = "") -> str:
    """`1 note`, `2 notes`, `1,980 tokens`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def dollars(usd: float) -> str:
    """`$12.50`, `$0.25`, `$0.0123`, `$0.000021`: as many places as say something, and never nothing for a little."""
    if usd == 0 or usd >= 1:
        return f"${usd:,.2f}"
    places = 4 if usd >= 0.01 else 6
    whole, _, cents = f"{max(usd, 0.000001):.{places}f}".rstrip("0").partition(".")
    return f"${whole}.{cents:0<2}"


def duration(ms: float) -> str:
    """`12 ms`, `2.3 s`."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"
