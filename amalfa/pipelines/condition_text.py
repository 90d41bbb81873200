"""Reads the text of an `if` as an expression, or says in one sentence why it is none. Evaluates nothing."""

import re
from dataclasses import dataclass
from typing import NoReturn, cast

from amalfa.config.pattern_shape import slow_shape
from amalfa.config.problems import suggestion
from amalfa.pipelines.conditions import (
    VARIABLES,
    Both,
    Compare,
    Comparison,
    Either,
    Expression,
    Not,
    Number,
    Operand,
    Text,
    Truth,
    Variable,
    kind_of,
    show,
)

TEXT_MAX_CHARACTERS = 2_000
DEPTH_MAX = 40

_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<number>-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<variable>\$\{?[A-Za-z_][A-Za-z0-9_]*\}?)
    |(?P<operator>==|!=|<=|>=|<|>|&&|\|\||!|\(|\))
    |(?P<word>[A-Za-z_][A-Za-z0-9_-]*)""",
    re.VERBOSE | re.DOTALL,
)
_MEANT = {"and": "and", "&&": "and", "or": "or", "||": "or", "not": "not", "!": "not"}
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">", "contains", "matches")
_FOR_TEXT = ("contains", "matches")
_FOR_BOTH = ("==", "!=")


class BadCondition(ValueError):
    """The text is no condition; the message says why, for people."""


def parse(text: str) -> Expression:
    """The expression that `text` says. Raises BadCondition."""
    if not text.strip():
        raise BadCondition("is empty; leave the key out when there is no condition")
    if len(text) > TEXT_MAX_CHARACTERS:
        raise BadCondition(f"is longer than {TEXT_MAX_CHARACTERS} characters")
    return _Reader(_tokens(text)).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is a group of `_TOKEN`, or "end"; `text` is lower case where case does not count."""

    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    found, at = list[_Token](), 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadCondition(_why_unreadable(text[at]))
        at, kind = match.end(), match.lastgroup or ""
        if kind in ("operator", "word") and match[0].lower() in _MEANT:
            found.append(_Token("join", _MEANT[match[0].lower()]))
        elif kind != "blank":
            found.append(_Token(kind, match[0]))
    return [*found, _Token("end", "")]


def _why_unreadable(char: str) -> str:
    if char in "\"'":
        return "has a text whose closing quote is missing"
    if char == "=":
        return "has a lone =; equal is =="
    if char in "&|":
        return f"has a lone {char}; write {char}{char}"
    return f"cannot be read at {char!r}" if char.isprintable() else "holds a control character"


class _Reader:
    """Goes through the tokens once. A method named after a thing reads it and stands behind it."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        found = self._condition(self._either(), at_end=True)
        if self._next.kind != "end":
            raise BadCondition(f"goes on with {self._next.text} where it should end or be joined by and, or")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _takes(self, kind: str, text: str) -> bool:
        is_it = self._next == _Token(kind, text)
        self._at += is_it
        return is_it

    def _either(self) -> Expression | Operand:
        found = self._both()
        while self._takes("join", "or"):
            found = Either(self._condition(found), self._condition(self._both()))
        return found

    def _both(self) -> Expression | Operand:
        found = self._negated()
        while self._takes("join", "and"):
            found = Both(self._condition(found), self._condition(self._negated()))
        return found

    def _negated(self) -> Expression | Operand:
        if not self._takes("join", "not"):
            return self._comparison()
        self._deeper()
        found = Not(self._condition(self._negated()))
        self._depth -= 1
        return found

    def _comparison(self) -> Expression | Operand:
        left = self._primary()
        if self._next.text.lower() not in _COMPARISONS or self._next.kind not in ("operator", "word"):
            return left
        operator = self._next.text.lower()
        self._at += 1
        return _compared(cast("Comparison", operator), left, self._primary())

    def _primary(self) -> Expression | Operand:
        token = self._next
        self._at += token.kind != "end"
        match token.kind:
            case "number":
                return _number(token.text)
            case "text":
                return Text(re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL))
            case "variable":
                return _variable(token.text)
            case "operator" if token.text == "(":
                return self._inside()
            case "word":
                return _word(token.text)
            case "end":
                raise BadCondition("ends too early")
            case _:
                raise BadCondition(f"has {token.text} where a value is needed")

    def _inside(self) -> Expression | Operand:
        self._deeper()
        found = self._either()
        if not self._takes("operator", ")"):
            raise BadCondition("has a ( that is never closed")
        self._depth -= 1
        return found

    def _condition(self, found: Expression | Operand, *, at_end: bool = False) -> Expression:
        """What stands beside `and`, `or`, `not` has to be something that can hold."""
        if isinstance(found, Number | Text | Variable):
            whole = " by itself" if at_end else ""
            raise BadCondition(f"has {show(found)}{whole} where something that can be true is needed; compare it")
        return found

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise BadCondition(f"is nested more than {DEPTH_MAX} levels deep")


def _number(text: str) -> Number:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadCondition("holds a number that is too large")
    return Number(value)


def _variable(text: str) -> Variable:
    name = text[1:]
    if name.startswith("{") != name.endswith("}"):
        raise BadCondition(f"has {text}, whose braces do not match")
    name = name.strip("{}")
    if name not in VARIABLES:
        known = (
            suggestion(name, VARIABLES).replace('"', "") or f"; there are {', '.join(f'${one}' for one in VARIABLES)}"
        )
        raise BadCondition(f"names ${name}, which is no variable{known}")
    return Variable(name)


def _word(text: str) -> Truth:
    if text.lower() in ("true", "false"):
        return Truth(text.lower() == "true")
    if text.upper() in VARIABLES:
        raise BadCondition(f"has {text}; a variable is written ${text.upper()}")
    raise BadCondition(f"has the bare word {text}; a text needs quotes")


def _compared(operator: Comparison, left: Expression | Operand, right: Expression | Operand) -> Compare:
    if not isinstance(left, Number | Text | Variable) or not isinstance(right, Number | Text | Variable):
        raise BadCondition(f"compares with {operator} what is no number and no text")
    kinds = {kind_of(left), kind_of(right)}
    if len(kinds) > 1:
        raise BadCondition(f"compares a number with a text: {show(left)} {operator} {show(right)}")
    if operator in _FOR_TEXT and kinds != {"text"}:
        raise BadCondition(f"uses {operator} with numbers; it is for texts")
    if operator not in (*_FOR_TEXT, *_FOR_BOTH) and kinds != {"number"}:
        raise BadCondition(f"uses {operator} with texts; it is for numbers")
    if operator in _FOR_TEXT:
        _check_sought(operator, right)
    return Compare(operator, left, right)


def _check_sought(operator: Comparison, sought: Operand) -> None:
    if isinstance(sought, Text) and not sought.value:
        raise BadCondition(f"uses {operator} with an empty text, which is in every text")
    if operator == "contains":
        return
    if not isinstance(sought, Text):
        _refuse_pattern("must be written out after matches")
    try:
        re.compile(sought.value)
    except (re.error, RecursionError, OverflowError):
        _refuse_pattern("is no regular expression")
    if reason := slow_shape(sought.value):
        _refuse_pattern(reason)


def _refuse_pattern(why: str) -> NoReturn:
    raise BadCondition(f"has a pattern that {why}")
