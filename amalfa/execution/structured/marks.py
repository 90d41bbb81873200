"""The characters and patterns that mean something between values. Decides nothing."""

import re

OPENERS = "{[("
CLOSERS = "}])"
CLOSER_OF = dict(zip(OPENERS, CLOSERS, strict=True))
OPENER_OF = dict(zip(CLOSERS, OPENERS, strict=True))
COMMAS = ",;"
TRIPLES = ('"""', "'''")

FULLWIDTH = dict(zip("｛｝［］（）：，；＂", '{}[]():,;"', strict=True))
DOUBLE_ENDS = '"”“＂'
SINGLE_ENDS = "'’‘"
ENDS_OF = {
    '"': '"',
    "'": "'",
    "`": "`",
    "“": DOUBLE_ENDS,
    "”": DOUBLE_ENDS,
    "„": DOUBLE_ENDS,
    "＂": DOUBLE_ENDS,
    "‘": SINGLE_ENDS,
    "’": SINGLE_ENDS,
    "‚": SINGLE_ENDS,
}
"""Opening quote mark → the marks that may close it."""

JSON_BLANKS = " \t\r\n"
INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
BLANK = re.compile(rf"[\s{INVISIBLE}]*")

# A string long enough to be a key, and what stands between it and its value.
_QUOTED_KEY = (
    r"(?:\"(?:[^\"\\\n]|\\.){0,200}\"|'[^'\n]{0,200}'|`[^`\n]{0,200}`"
    r"|[“”„＂][^“”\"＂\n]{0,200}[“”\"＂]|[‘’‚][^‘’'\n]{0,200}[‘’'])"
)
QUOTED_MEMBER = re.compile(rf"{_QUOTED_KEY}\s*(?:[:：]|=>?)")
BARE_KEY = re.compile(r"[\w$][\w$.\-]*")
BARE_MEMBER = re.compile(r"[^\W\d$][\w$.\-]{0,200}\s*[:：]")

# What ends a document that lacks its own end: a closing fence, a closing tag, an end-of-turn mark.
END_MARK = re.compile(r"```|~~~|</|<\||<end_of_turn>|\[/")
COMMENT = re.compile(r"//[^\n]*|#[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/|<!--(?:[^-]|-(?!->))*+-->")
SHORT_COMMENT = re.compile(r"(?://[^\n]{0,300}\n|#[^\n]{0,300}\n|/\*[^*]{0,300}\*/|<!--[^-]{0,300}-->)")
ELISION = re.compile(r"\.\.\.|…")
ELIDING_COMMENT = re.compile(
    r"(?:\.\.\.|…|etc\b|and so on|more (?:items|entries|of)|(?:the )?rest\b|remaining|omitted|truncated)", re.IGNORECASE
)
COMMENT_MARKS = re.compile(r"^(?://+|#+|/\*+|<!--)\s*")
