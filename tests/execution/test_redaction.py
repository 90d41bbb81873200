"""Blanking a prompt: what is replaced by which mark, how places are counted, and what is never touched."""

import json
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import Material, Passage, Prompt
from amalfa.config.settings import Settings
from amalfa.errors import Forbidden
from amalfa.execution.redaction import MARKS, Redactor
from amalfa.execution.sensitive import passes_luhn
from amalfa.messages import Message, ToolCall, Tools
from amalfa.tasks.prompts import numbered

BUILT_IN = ("keys", "emails", "cards")
KEY = "sk-or-v1-0123456789abcdef0123"


def a_prompt(*contents: str, material: Material | None = None) -> Prompt:
    messages = tuple(Message("user", content) for content in contents)
    return Prompt(messages, material or Material(), max_tokens=100, temperature=0.0)


def redact(text: str, *patterns: str, built_in: tuple[str, ...] = BUILT_IN) -> tuple[str, int]:
    prompt, count = Redactor(patterns, built_in).redacted(a_prompt(text))
    return prompt.messages[0].content, count


def test_each_kind_leaves_its_own_mark() -> None:
    text, count = redact(f"{KEY}, ada@example.com, 4111 1111 1111 1111 and Project Heron", r"Project \w+")
    assert text == "[redacted key], [redacted email], [redacted card] and [redacted]"
    assert count == 4


def test_every_message_is_read_whoever_speaks() -> None:
    messages = (Message("system", f"a {KEY}"), Message("user", "nothing"), Message("assistant", "b@example.com"))
    redacted, count = Redactor((), BUILT_IN).redacted(Prompt(messages, Material(), 1, 0.0))
    assert [one.content for one in redacted.messages] == ["a [redacted key]", "nothing", "[redacted email]"]
    assert [one.role for one in redacted.messages] == ["system", "user", "assistant"]
    assert redacted.messages[1] is messages[1]
    assert count == 2


CANARY = "ada@example.com"


def test_what_tools_are_called_with_and_say_is_read() -> None:
    called = Message("assistant", "", (ToolCall("call_1", "send", f'{{"to": "{CANARY}", "n": 1}}'),))
    messages = (called, Message("tool", f"sent to {CANARY}", tool_call_id="call_1"))
    redacted, count = Redactor((), BUILT_IN).redacted(Prompt(messages, Material(), 1, 0.0))
    assert CANARY not in repr(redacted)
    assert json.loads(redacted.messages[0].tool_calls[0].arguments) == {"to": "[redacted email]", "n": 1}
    assert [one.tool_call_id for one in redacted.messages] == ["", "call_1"]
    assert redacted.messages[0].tool_calls[0].id == "call_1"
    assert count == 2


def test_the_definitions_of_tools_are_read_in_every_place() -> None:
    schema = {"type": "object", "properties": {"to": {"enum": [CANARY, 4111111111111111]}, CANARY: {"default": None}}}
    function = {"name": "send", "description": f"Writes to {CANARY}.", "parameters": schema}
    tools = Tools(({"type": "function", "function": function},), "send")
    redacted, count = Redactor((), BUILT_IN).redacted(Prompt((), Material(), 1, 0.0, tools=tools))
    assert redacted.tools is not None
    assert CANARY not in repr(redacted.tools)
    assert "4111111111111111" not in repr(redacted.tools)
    assert (redacted.tools.choice, redacted.tools.definitions[0]["type"]) == ("send", "function")
    assert count == 4


@pytest.mark.parametrize(
    "arguments",
    [
        f'{{"to": "{CANARY}"}}',
        '{"to": "\\u0061da\\u0040example.com"}',
        f'{{"deep": [{{"{CANARY}": 1}}]}}',
        f'{{"line": "a\\n{CANARY}"}}',
        '{"card": 4111111111111111}',
        f"to: {CANARY}, no JSON",
        f'{{"cut": "{CANARY}',
        f'{{"api_key": "{KEY[9:]}"}}',
    ],
)
def test_no_way_of_writing_arguments_hides_anything_and_json_stays_json(arguments: str) -> None:
    message = Message("assistant", "", (ToolCall("a", "f", arguments),))
    redacted, count = Redactor((), BUILT_IN).redacted(Prompt((message,), Material(), 1, 0.0))
    told = redacted.messages[0].tool_calls[0].arguments
    assert count >= 1
    for secret in (CANARY, "4111111111111111", KEY[9:], "u0040"):
        assert secret not in told
    if arguments.endswith("}"):
        json.loads(told)


def test_a_pattern_across_names_and_values_leaves_an_object() -> None:
    message = Message("assistant", "", (ToolCall("a", "f", '{"project": "Heron"}'),))
    redacted, count = Redactor((r'project": "Her',), ()).redacted(Prompt((message,), Material(), 1, 0.0))
    assert count == 1
    assert list(json.loads(redacted.messages[0].tool_calls[0].arguments)) == ["arguments"]


def test_tools_without_matches_stay_the_same_object() -> None:
    tools = Tools(({"type": "function", "function": {"name": "f"}},))
    message = Message("assistant", "", (ToolCall("a", "f", '{"n": 1.0}'),))
    prompt = Prompt((message,), Material(), 1, 0.0, tools=tools)
    assert Redactor((r"never-there",), BUILT_IN).redacted(prompt) == (prompt, 0)


def test_the_material_stays_as_it_is() -> None:
    material = Material(question=KEY, passages=(Passage("a.md", 1, 1, "", KEY),), documents=(("a", KEY),))
    redacted, count = Redactor((), BUILT_IN).redacted(a_prompt(KEY, material=material))
    assert redacted.material is material
    assert count == 1


def test_only_the_kinds_that_are_asked_for_are_looked_for() -> None:
    assert redact(f"{KEY} ada@example.com", built_in=("emails",)) == (f"{KEY} [redacted email]", 1)
    assert redact(f"{KEY} ada@example.com", built_in=()) == (f"{KEY} ada@example.com", 0)


def test_the_settings_know_the_same_kinds_and_want_all_of_them() -> None:
    privacy = Settings().sonar.privacy
    assert set(privacy.redact_built_in) | {"own"} == set(MARKS)
    assert Redactor(privacy.redact, privacy.redact_built_in).redacted(a_prompt(KEY))[1] == 1


def test_places_that_overlap_are_one_and_the_built_in_kind_names_it() -> None:
    assert redact(f"x {KEY} y", "v1-0123", KEY[5:] + " y") == ("x [redacted key]", 1)


def test_matches_of_one_kind_that_touch_are_one_place() -> None:
    assert redact("code 123456 end", r"\d") == ("code [redacted] end", 1)


def test_matches_that_do_not_touch_are_counted_apart() -> None:
    assert redact("1 2 3", r"\d") == ("[redacted] [redacted] [redacted]", 3)


def test_kinds_that_touch_keep_their_marks() -> None:
    assert redact("Heron4111111111111111", "Heron") == ("Heron4111111111111111".replace("Heron", "[redacted]"), 1)
    assert redact("Heron:4111111111111111", "Heron:") == ("[redacted][redacted card]", 2)


def test_a_pattern_that_matches_nothing_at_all_blanks_nothing() -> None:
    assert redact("abc", "x*") == ("abc", 0)


def test_anchors_and_word_ends_see_the_whole_text() -> None:
    long = "word " * 4000
    assert redact(f"{long}end", r"\Aword|end\Z") == (f"[redacted]{long[4:]}[redacted]", 2)


def test_a_match_longer_than_any_trial_is_found() -> None:
    inside = "private lines\n" * 2000
    assert redact(f"a BEGIN{inside}END b", r"BEGIN[\s\S]*?END") == ("a [redacted] b", 1)


def test_numbers_and_places_of_passages_survive() -> None:
    passages = (
        Passage("ops/keys.md", 3, 5, "Ops > Keys", f"The key is {KEY}.\npassword=x9y8z7w6v5"),
        Passage("people.md", 1, 2, "People", "Write to ada@example.com\nCard 4111 1111 1111 1111"),
    )
    text, count = redact(numbered(passages))
    assert count == 4
    assert "[1] ops/keys.md:3-5 (Ops > Keys)\nThe key is [redacted key].\npassword=[redacted key]\n" in text
    assert "[2] people.md:1-2 (People)\nWrite to [redacted email]\nCard [redacted card]\n" in text


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)+b", r"(\w+\s?)*:", "(.*a){20}", ".*a.*b.*c.*d"])
def test_a_pattern_that_could_run_for_ever_is_not_run_and_nothing_leaves(pattern: str) -> None:
    with pytest.raises(Forbidden, match=r"sonar\.privacy\.redact repeats|sonar\.privacy\.redact has too many"):
        Redactor((pattern,), ()).redacted(a_prompt("a" * 200))


@pytest.mark.parametrize("pattern", [r"a*a*b", r"\s+$", r"x*x*x*?y"])
def test_a_slow_pattern_is_given_up_and_the_text_stays_here(pattern: str) -> None:
    redactor = Redactor((pattern,), ())
    started_s = time.process_time()
    with pytest.raises(Forbidden, match="too long"):
        redactor.redacted(a_prompt(("a" * 40_000 + " " * 40_000 + "x" * 40_000) * 2))
    assert time.process_time() - started_s < 6.0


def test_ordinary_patterns_are_quick_over_a_long_text() -> None:
    text = "Project Heron costs 12,000 EUR; see ACME-1234 for more.\n" * 8000
    started_s = time.process_time()
    _, count = redact(text, r"\bACME-\d+\b", r"Project\s+\w+", r"(?i)\b[\d,]+ eur\b")
    assert count == 24_000
    assert time.process_time() - started_s < 2.0


WORD = st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=8)
BASE62 = string.ascii_letters + string.digits


@st.composite
def secrets(draw: st.DrawFn) -> str:
    """A secret of any built-in kind, as those who give them out write them."""
    body = draw(st.text(alphabet=BASE62, min_size=36, max_size=60)) + "1a"
    hexadecimal = draw(st.text(alphabet="0123456789abcdef", min_size=64, max_size=64))
    digits = draw(st.sampled_from("3456")) + draw(st.text(alphabet=string.digits, min_size=14, max_size=14))
    card = next(digits + check for check in string.digits if passes_luhn(digits + check))
    separator = draw(st.sampled_from(["", " ", "-"]))
    return draw(
        st.sampled_from(
            [
                f"sk-or-v1-{hexadecimal}",
                f"sk-ant-api03-{body}",
                f"sk-{body}",
                f"ghp_{body[:36]}",
                f"github_pat_{body}",
                "AKIA" + body[:16].upper(),
                f"xoxb-{body}",
                f"xoxp-{body}",
                f"AIza{body[:35]}",
                f"eyJ{body[:20]}.{body[:24]}.{body[:30]}",
                separator.join(card[i : i + 4] for i in range(0, 16, 4)),
                f"{draw(WORD)}.{draw(WORD)}@{draw(WORD)}.example.com",
                f"-----BEGIN EC PRIVATE KEY-----\n{body}\n{body}\n-----END EC PRIVATE KEY-----",
            ]
        )
    )


BORDERS = st.sampled_from(["", " ", "\n", ": ", "= ", '"', "'", "(", "`", ", ", "| "])


@given(st.lists(st.tuples(WORD, BORDERS, secrets(), st.sampled_from(["", " ", "\n", '"', ")", ", ", "."])), min_size=1))
def test_no_secret_survives_wherever_it_stands(pieces: list[tuple[str, str, str, str]]) -> None:
    text = " ".join(f"{word}:{before}{secret}{after}" for word, before, secret, after in pieces)
    redacted, count = redact(text)
    assert count >= 1
    for _, _, secret, _ in pieces:
        assert secret not in redacted


@given(st.lists(st.tuples(WORD, BORDERS, secrets()), max_size=4))
def test_a_redacted_text_has_nothing_left_to_blank(pieces: list[tuple[str, str, str]]) -> None:
    text = " ".join(f"{word} {before}{secret}" for word, before, secret in pieces)
    once, _ = redact(text)
    assert redact(once) == (once, 0)


@given(st.lists(st.text(alphabet=string.ascii_letters + " .,;\n#*[]()äöü漢", max_size=200), max_size=4))
def test_a_prompt_without_matches_comes_back_as_the_same_object(contents: list[str]) -> None:
    prompt = a_prompt(*contents)
    redacted, count = Redactor((r"\bnever-there-\d+",), BUILT_IN).redacted(prompt)
    assert redacted is prompt
    assert count == 0
