"""What may be repaired in a reply and what is refused: every repair and every refusal has its name here.

The law behind both lists: invent nothing, shorten nothing, and where two readings are possible take neither.
"""

from enum import StrEnum
from typing import NoReturn

from amalfa.errors import BadReply


class Repair(StrEnum):
    """A change that left every value as the model meant it."""

    FENCE = "fence"  # a Markdown code fence around the document
    PROSE = "prose"  # words, tags, calls or assignments around it
    THINK = "think"  # a finished thought before it
    CHANNEL = "channel"  # channels of which only the final one counts
    DUPLICATE = "duplicate"  # the same document, or the same member, more than once
    DOUBLE_ENCODED = "double_encoded"  # the document as a JSON string
    DOUBLE_ESCAPED = "double_escaped"  # every quote of the document escaped
    BOM = "bom"  # byte order mark, zero-width characters
    SPACE = "space"  # blanks that JSON does not count as blanks
    FULLWIDTH = "fullwidth"  # ｛ ： ， ｝ for { : , }
    COMMENT = "comment"
    COMMA = "comma"  # trailing, doubled, leading, missing, or ; for ,
    COLON = "colon"  # = or => for :
    OPENER = "opener"  # members without their opening brace
    CLOSER = "closer"  # missing after a finished value, surplus, or of the wrong kind with one possible fit
    BRACES = "braces"  # {{ … }}
    TUPLE = "tuple"  # ( … )
    QUOTES = "quotes"  # '…' `…` “…” \"\"\"…\"\"\"
    INNER_QUOTE = "inner_quote"  # quote marks inside a string that were not escaped
    RAW_NEWLINE = "raw_newline"  # control characters inside a string, kept
    ESCAPE = "escape"  # an escape JSON does not have: its backslash is kept, except before a quote mark
    JOINED = "joined"  # "a" + "b"
    KEY = "key"  # a key without quotes
    WORD = "word"  # one word without quotes as a value
    LITERAL = "literal"  # True, None, NULL …
    NUMBER = "number"  # .5  5.  +3  1_000  0xff

    EXTRA_KEY = "extra_key"  # a member that the schema does not allow
    KEY_CASE = "key_case"
    ENUM_CASE = "enum_case"  # letter case and outer blanks of a listed word
    OPTIONAL_NULL = "optional_null"  # null for a member that may be absent
    TYPE = "type"  # "0.8" for a number, 3.0 for an integer, "true" for a boolean
    LONE_ITEM = "lone_item"  # one string where a list of strings belongs
    WRAPPER = "wrapper"  # an object with one key, or a list with one item, around the value
    CHOSEN = "chosen"  # the only one of several documents that fits the schema


class Refusal(StrEnum):
    """Why a reply cannot be read without guessing: a sentence for the model, to which the place is added."""

    NO_DOCUMENT = "The reply holds no JSON object or array"
    SEVERAL = "The reply holds several different JSON documents"
    UNFINISHED_THOUGHT = "The reply ends inside a thought"
    NO_FINAL = "The reply has no final channel"
    LEFTOVER = "There are members outside of the JSON document"
    OTHER_FORMAT = "The reply is in another format than JSON"
    CUT = "The reply ends in the middle of a value"
    TOO_DEEP = "The reply is nested deeper than 64 levels"
    TOO_BROKEN = "The reply has too many parts to be repaired"
    KEY_EXPECTED = "A key in double quotes was expected"
    COLON_EXPECTED = "A colon was expected after the key"
    VALUE_EXPECTED = "A value was expected"
    COMMA_EXPECTED = "A comma or a closing bracket was expected"
    WRONG_CLOSER = "A closing bracket fits more than one place"
    TWO_VALUES = "A key has two different values"
    ELIDED = "Parts of the document were left out"
    COMMENT = "A comment has no clear end"
    STRING_END = "A string has no clear end; escape the quote marks inside it"
    ESCAPES = "A string mixes escapes and plain backslashes; double every backslash that is meant"
    BROKEN_ESCAPE = "A string holds a broken escape"
    NUMBER = "A number is not written as JSON writes numbers"
    NOT_A_VALUE = "A word that is no JSON value was used"


def refuse(why: Refusal, text: str, at: int) -> NoReturn:
    """Raises BadReply that names the place; no text of the reply is quoted."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    raise BadReply(f"{why.value} (line {line}, column {column}).")
