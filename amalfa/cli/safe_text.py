"""Makes text from models, notes and the network safe to print: what a terminal would obey is shown instead."""

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_LINE_CONTROLS = (0x0A, 0x09)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


_CONTROLS = {code: _escape(code) for code in (*range(0x20), *range(0x7F, 0xA0), *_BIDI)}
_BLOCK = {code: text for code, text in _CONTROLS.items() if code not in _LINE_CONTROLS}
_JSON = {code: f"\\u{code:04x}" for code in _CONTROLS if code not in _LINE_CONTROLS}


def safe(text: str) -> str:
    """The text with every control character but newline and tab written out (`\\x1b`); CRLF becomes a newline.

    Written out are C0, DEL, C1, bidirectional controls and lone surrogates: what moves a cursor, rings a
    bell, sets a clipboard, reorders what is read, or cannot be encoded.
    """
    return _without_surrogates(text.replace("\r\n", "\n").translate(_BLOCK))


def safe_line(text: str) -> str:
    """The same for what must stay on one line: a path, a title, a model's name."""
    return _without_surrogates(text.translate(_CONTROLS))


def safe_json(document: str) -> str:
    """A JSON document with the same characters as `\\uXXXX`; it means what it meant, as they occur in strings only."""
    return _without_surrogates(document.translate(_JSON))


def _without_surrogates(text: str) -> str:
    """Lone surrogates as `\\udcff`: a table of all of them would cost every command two milliseconds."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class PieceByPiece:
    """`safe` for text that arrives in pieces: a CRLF cut in two is still one line end."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        text = self._held + piece
        self._held = "\r" if text.endswith("\r") else ""
        return safe(text.removesuffix("\r"))

    def rest(self) -> str:
        held, self._held = self._held, ""
        return safe(held)
