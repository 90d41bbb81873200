"""Makes malformed model replies from task outputs, each with its truth: the value, or that it must be refused."""

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

REFUSE: None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """One broken reply. `truth` None: no reading of it is certain, so it must be refused."""

    kind: str
    raw: str
    truth: object | None


_WORDS = (
    "switch",
    "cloud",
    "ledger",
    "passage",
    "Größe",
    "naïve",
    "rate limit",
    "10 ms",
    "it's",
    "budget",
    "日本",
    "a/b",
)
_PHRASES = (
    "How the daemon picks a model, step by step.",
    "See https://host/a//b?x=1#top for more; it's short.",
    "Use `make test`, then # read the log /* twice */.",
    "Costs [$0.02] {per call}: cheap, fast, local.",
    "First line\nsecond line\n\tindented",
    'He said "no", then left',
    "True, None and NaN stay words here",
    "ends with a colon:",
    "C:\\Users\\docs and \\d+ match",
    "",
)


def outputs(rng: random.Random) -> Iterator[dict[str, object]]:
    """Values in the shape of the tasks' outputs, without end."""
    while True:
        yield rng.choice(_SHAPES)(rng)


def _few(rng: random.Random, low: int = 1, high: int = 4) -> list[str]:
    return [rng.choice(_WORDS) for _ in range(rng.randint(low, high))]


def _metadata(rng: random.Random) -> dict[str, object]:
    return {
        "title": rng.choice(_PHRASES[:4]),
        "summary": rng.choice(_PHRASES),
        "keywords": _few(rng),
        "doc_type": "guide",
        "related_docs": [],
    }


def _ranking(rng: random.Random) -> dict[str, object]:
    ranked = [
        {"id": f"r{at}", "relevance": rng.choice((0.5, 1, 0.25)), "reason": rng.choice(_PHRASES)} for at in range(3)
    ]
    return {"results": ranked, "done": True}


def _snippet(rng: random.Random) -> dict[str, object]:
    return {
        "snippet": rng.choice(_PHRASES),
        "context": rng.choice(_WORDS),
        "confidence": 0.75,
        "lines": [rng.randint(1, 90), 99],
    }


def _analysis(rng: random.Random) -> dict[str, object]:
    filters = {"tags": _few(rng), "since": None, "strict": rng.random() < 0.5}
    return {"intent": "reference", "entities": _few(rng, 0, 3), "filters": filters, "count": rng.randint(-5, 4000)}


_SHAPES = (_metadata, _ranking, _snippet, _analysis)
Break = Callable[[dict[str, object], random.Random], Malformed | None]


def _dumped(value: object, rng: random.Random) -> str:
    return json.dumps(value, ensure_ascii=rng.random() < 0.3, indent=rng.choice((None, None, 1, 2)))


def _around(kind: str, *wraps: str) -> Break:
    return lambda value, rng: Malformed(kind, rng.choice(wraps).replace("@", _dumped(value, rng)), value)


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def _outside(raw: str, pattern: str, new: str, rng: random.Random) -> str | None:
    """Replace one match of `pattern` outside of strings; None when there is none."""
    inside = [found.span() for found in _STRING.finditer(raw)]
    spots = [
        found
        for found in re.finditer(pattern, raw)
        if not any(a < found.end() and found.start() < b for a, b in inside)
    ]
    if not spots:
        return None
    spot = rng.choice(spots)
    return raw[: spot.start()] + spot.expand(new) + raw[spot.end() :]


def _token(kind: str, pattern: str, new: str, *, lossless: bool = True) -> Break:
    def apply(value: dict[str, object], rng: random.Random) -> Malformed | None:
        raw = _outside(_dumped(value, rng), pattern, new, rng)
        return Malformed(kind, raw, value if lossless else REFUSE) if raw is not None else None

    return apply


def _strings(kind: str, change: Callable[[str], str | None]) -> Break:
    """Rewrite every string token; None from `change` gives the case up."""

    def apply(value: dict[str, object], rng: random.Random) -> Malformed | None:
        raw = _dumped(value, rng)
        parts, last = [], 0
        for found in _STRING.finditer(raw):
            new = change(found.group())
            if new is None:
                return None
            parts += [raw[last : found.start()], new]
            last = found.end()
        return Malformed(kind, "".join((*parts, raw[last:])), value)

    return apply


def _single(token: str) -> str | None:
    text: str = json.loads(token)
    body = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{body}'"


def _smart(token: str) -> str:
    return "“" + token[1:-1] + "”"


def _backtick(token: str) -> str | None:
    return None if "`" in token else "`" + token[1:-1] + "`"


def _raw_lines(token: str) -> str:
    return token.replace("\\n", "\n").replace("\\t", "\t")


def _bare_quotes(token: str) -> str:
    return '"' + token[1:-1].replace('\\"', '"') + '"'


def _bare_key(value: dict[str, object], rng: random.Random) -> Malformed:
    raw = (
        re.sub(r'"(\w+)":', r"\1:", _dumped(value, rng)) if not _talks_json(value) else _dumped(value, rng)[:-1] + ",}"
    )
    return Malformed("unquoted-key", raw, value)


def _talks_json(value: object) -> bool:
    return '\\":' in json.dumps(value)


def _windows(value: dict[str, object], rng: random.Random) -> Malformed | None:
    folder = rng.choice(("docs", "new", "temp", "src", "Users", "data", "work"))
    path = f"C:\\{folder}\\{rng.choice(('docs', 'xml', 'new', 'Data'))}"
    whole = {**value, "path": path}
    raw = json.dumps(whole).replace(json.dumps(path), f'"{path}"')
    letters = {part[0] for part in path.split("\\")[1:]}
    if letters <= set("bfnrt"):
        return None  # valid JSON, which nobody can tell from what was meant
    return Malformed("bad-escape", raw, REFUSE if letters & set("bfnrtux") else whole)


def _cut(value: dict[str, object], rng: random.Random) -> Malformed:
    """Cut anywhere: after a finished string, literal or container the part that came is whole."""
    raw = _dumped(value, rng)
    kept = raw[: rng.randint(1, len(raw) - 1)]
    return Malformed("truncated", kept, _completed(kept))


def _closers_cut(value: dict[str, object], rng: random.Random) -> Malformed:
    kept = json.dumps(value).rstrip("}]")
    return Malformed("truncated", kept, _completed(kept))


def _completed(kept: str) -> object | None:
    """What a cut document holds once its containers are closed; None when a value itself was cut."""
    if not kept.rstrip().endswith(('"', "]", "}", "true", "false", "null")):
        return None
    closers: list[str] = []
    for char in _STRING.sub("", kept):
        if char in "{[":
            closers.append("}" if char == "{" else "]")
        elif char in "}]":
            closers.pop()
    try:
        whole: object = json.loads(kept + "".join(reversed(closers)))
    except ValueError:
        return None
    return whole


def _second_value(value: dict[str, object], rng: random.Random) -> Malformed:
    raw = json.dumps(value)
    return Malformed("duplicate", '{"' + next(iter(value)) + '": "another one", ' + raw[1:], REFUSE)


def _repeat(value: dict[str, object], rng: random.Random) -> Malformed:
    raw = _dumped(value, rng)
    return Malformed("duplicate", f"{raw}\n\n{json.dumps(value)}", value)


def corrected(value: dict[str, object], rng: random.Random) -> Malformed:
    """Two documents of which the second has a member more; a schema without that member tells that they are one."""
    return Malformed(
        "duplicate", f"{_dumped(value, rng)}\nWait, corrected:\n{json.dumps({**value, 'added': 1})}", REFUSE
    )


def _python(value: dict[str, object], rng: random.Random) -> Malformed:
    return Malformed("python-literal", repr(value), value)


def _encoded(value: dict[str, object], rng: random.Random) -> Malformed:
    return Malformed("double-encoded", json.dumps(_dumped(value, rng)), value)


def _escaped(value: dict[str, object], rng: random.Random) -> Malformed:
    return Malformed("double-escaped", json.dumps(json.dumps(value))[1:-1], value)


def _fullwidth(value: dict[str, object], rng: random.Random) -> Malformed:
    raw = _dumped(value, rng)
    parts, last = [], 0
    wide = str.maketrans("{}:,", "｛｝：，")
    for found in _STRING.finditer(raw):
        parts += [raw[last : found.start()].translate(wide), found.group()]
        last = found.end()
    return Malformed("fullwidth", "".join(parts) + raw[last:].translate(wide), value)


def _triple(value: dict[str, object], rng: random.Random) -> Malformed:
    body = 'line one\nline two, it\'s "here" now.'
    return Malformed("triple-quote", json.dumps(value)[:-1] + ', "body": """' + body + '"""}', {**value, "body": body})


def _member(kind: str, text: str, new: object | None) -> Break:
    """One more member, written as `text`; `new` is what it means, None that it must be refused."""

    def apply(value: dict[str, object], rng: random.Random) -> Malformed:
        raw = json.dumps(value)
        whole = {**value, "extra": new}
        written = f'{raw[:-1]}, "extra": {text}}}' if rng.random() < 0.5 else f'{{"extra": {text}, {raw[1:]}'
        return Malformed(kind, written, REFUSE if new is None else whole)

    return apply


def _alone(kind: str, *raws: str) -> Break:
    return lambda value, rng: Malformed(kind, rng.choice(raws), REFUSE)


def _quote_lost(value: dict[str, object], rng: random.Random) -> Malformed:
    """A quote mark that is missing leaves two readings or none."""
    raw = json.dumps(value)
    tokens = [found for found in _STRING.finditer(raw) if len(found.group()) > 3]
    token = rng.choice(tokens)
    at = rng.choice((token.start(), token.end() - 1))
    return Malformed("unescaped-quote", raw[:at] + raw[at + 1 :], REFUSE)


def _numbers(value: dict[str, object], rng: random.Random) -> Malformed | None:
    loose = {".5": 0.5, "5.": 5.0, "+3": 3, "1_000": 1000, "0x1F": 31}
    text = rng.choice(list(loose))
    return _member("number", text, loose[text])(value, rng)


BREAKS: tuple[Break, ...] = (
    lambda value, rng: Malformed("valid", _dumped(value, rng), value),
    _token("guard", r"\}\s*$", ",}"),
    _around("fence", "```json\n@\n```", "~~~\n@\n~~~", "```\n@", "```JSON\r\n@\r\n```\n"),
    _around(
        "prose", "Sure, here it is:\n@\nHope it helps [1].", "save(@);", "const x = @;", "<json>@</json>", "@<|im_end|>"
    ),
    _around(
        "think",
        '<think>Maybe {"title": "draft"}?</think>@',
        "so {x: 1}\n</think>\n@",
        "<think>[{</think>\n```json\n@\n```",
    ),
    lambda value, rng: Malformed("think", f"<think>{_dumped(value, rng)}", REFUSE),
    _token("comma", r",", ",,"),
    _token("comma", r",", ";"),
    _token("comma", r"(?<=[\]\"}}]),(\s)", r"\1"),
    _token("comma", r"(\]|\})", r",\1"),
    _token("colon", r":", "=>"),
    _token("colon", r":", " ", lossless=False),
    _token("colon", r":\s*[\d.]+(?=\s*[,}])", ":", lossless=False),
    _strings("single-quote", _single),
    _strings("smart-quote", _smart),
    _strings("backtick-quote", _backtick),
    _strings("raw-newline", _raw_lines),
    _strings("unescaped-quote", _bare_quotes),
    _quote_lost,
    _bare_key,
    _member("unquoted-value", "draft", "draft"),
    _member("unquoted-value", "Big Note", None),
    _fullwidth,
    _triple,
    _windows,
    _member("bad-escape", '"it\\\'s"', "it's"),
    _member("bad-escape", '"a\\x41"', None),
    _escaped,
    _encoded,
    _token("comment", r",(?=\s)", ", /* why, {it} */"),
    _token("comment", r"\{", "{ // the note\n"),
    _token("comment", r"\{", "{ # the note's\n"),
    _token("elided", r"\](?=[,}\s])", ", ...]", lossless=False),
    _token("elided", r"\}$", ", ...}", lossless=False),
    _member("nan", "NaN", None),
    _member("nan", "-Infinity", None),
    _member("nan", "1e999", None),
    _numbers,
    _member("number", "1,000", None),
    _member("number", "007", None),
    _member("number", "1/2", None),
    _member("number", "50%", None),
    _python,
    _member("js-literal", '"a" + "b"', "ab"),
    _member("js-literal", "undefined", None),
    _member("js-literal", "new Date()", None),
    _member("js-literal", '{"a", "b"}', None),
    _cut,
    _cut,
    _closers_cut,
    _token("bracket", r"\}$", "}}"),
    _around("bracket", "{@}", "(@)"),
    _token("bracket", r"^\{", ""),
    lambda value, rng: Malformed("bracket", json.dumps({**value, "z": [1, 2]})[:-2] + "}}", {**value, "z": [1, 2]}),
    _second_value,
    _repeat,
    corrected,
    _around("unicode", "\ufeff@", "\u200b@\u2028", "\u00a0@"),
    _member("unicode", '"\\ud83d alone"', None),
    _alone(
        "refusal",
        "",
        "null",
        "42",
        "I'm sorry, I can't do that.",
        "<html><body>{}</body></html>",
        "title: A\ntags: [a, b]\n",
    ),
    _alone("hostile", "[" * 1000, '{"a":' * 200, "1" * 5000, "[" + "9" * 5000 + ",]", "again and " * 500),
    _member("hostile", '{"__proto__": {"x": 1},}', {"__proto__": {"x": 1}}),
)


def corpus(count: int, seed: int) -> list[Malformed]:
    """`count` replies, the kinds of break in turn; the same for the same seed."""
    rng = random.Random(seed)
    values, made = outputs(rng), list[Malformed]()
    while len(made) < count:
        for one in BREAKS:
            case = one(next(values), rng)
            if case is not None:
                made.append(case)
    return made[:count]
