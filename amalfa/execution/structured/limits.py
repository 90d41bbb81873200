"""How big a reply may be before reading it is work."""

LONG_CHARACTERS = 64_000


def is_long(text: str) -> bool:
    """Whether reading takes long enough to belong into a thread."""
    return len(text) > LONG_CHARACTERS
