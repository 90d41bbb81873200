"""Files of prompts: good lines become calls, the first bad one is named, portions fit what sonar takes."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amalfa.calls import TASKS
from amalfa.cli.prompts_file import BATCH_BYTES, BATCH_CALLS, CHOICES, LONGEST, Line, batches, read_prompts
from amalfa.errors import AmalfaError, TooLarge, UsageProblem
from amalfa.server.guard import GuardLimits
from amalfa.server.routing import CALLS_MAX, PromptBody


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prompts.jsonl"


def calls(file: Path, text: str | bytes, **terms: object) -> list[tuple[int, dict[str, object]]]:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return [(line.number, dict(line.call)) for line in read_prompts(str(file), terms)]


def test_a_line_is_a_string_or_an_object(file: Path) -> None:
    assert calls(file, '"one"\n{"prompt": "two", "task": "chat", "maxCostUsd": 0}\n') == [
        (1, {"prompt": "one"}),
        (2, {"prompt": "two", "task": "chat", "maxCostUsd": 0}),
    ]


def test_empty_lines_count_but_are_no_prompts(file: Path) -> None:
    assert calls(file, '\n"one"\r\n  \n"two"') == [(2, {"prompt": "one"}), (4, {"prompt": "two"})]


def test_options_hold_where_the_line_says_nothing_else(file: Path) -> None:
    text = '"one"\n{"prompt": "two", "team": "b"}\n{"prompt": "three", "team": null}'
    assert [call["team"] for _, call in calls(file, text, team="a")] == ["a", "b", "a"]


def test_a_mark_at_the_beginning_of_the_file_is_none_of_its_text(file: Path) -> None:
    assert calls(file, b'\xef\xbb\xbf"one"') == [(1, {"prompt": "one"})]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"hello", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"9" * 10_000, "is not JSON"),
        (b'"\xff"', "is not UTF-8, at byte 2"),
        (b"3", "neither a string nor an object"),
        (b'["x"]', "neither a string nor an object"),
        (b"{}", "has no prompt"),
        (b'{"prompt": null}', "has no prompt"),
        (b'" "', "prompt is not a text"),
        (b'{"prompt": 3}', "prompt is not a text"),
        (b'"\\ud800"', "prompt is not a text"),
        (b'{"prompt": "x", "team": []}', "team is not a text"),
        (b'{"prompt": "x", "promt": "y"}', "'promt'"),
        (b'{"prompt": "x", "timeoutMs": 1}', "'timeoutMs'"),
        (b'{"prompt": "x", "task": "dance"}', "no task 'dance'"),
        (b'{"prompt": "x", "prefer": "here"}', "no prefer 'here'"),
        (b'{"prompt": "x", "privacy": "open"}', "no privacy 'open'"),
        (b'{"prompt": "x", "maxCostUsd": "1"}', "maxCostUsd"),
        (b'{"prompt": "x", "maxCostUsd": -1}', "maxCostUsd"),
        (b'{"prompt": "x", "maxCostUsd": NaN}', "maxCostUsd"),
        (b'{"prompt": "x", "maxCostUsd": true}', "maxCostUsd"),
    ],
)
def test_the_first_line_that_is_wrong_is_named(file: Path, line: bytes, said: str) -> None:
    with pytest.raises(UsageProblem) as raised:
        calls(file, b'"good"\n\n' + line + b"\nbad as well\n")
    assert raised.value.message.startswith(f"Line 3 of {file}")
    assert said in raised.value.message
    assert raised.value.hint


def test_a_file_without_prompts_or_none_at_all_is_told(file: Path) -> None:
    with pytest.raises(UsageProblem, match="no prompt in"):
        calls(file, "\n\n")
    with pytest.raises(UsageProblem, match="cannot be read"):
        read_prompts(str(file.parent), {})
    with pytest.raises(UsageProblem, match="cannot be read"):
        read_prompts(str(file.parent / "none"), {})


def test_a_prompt_that_sonar_cannot_take_is_named(file: Path) -> None:
    with pytest.raises(TooLarge, match="Line 2 of"):
        calls(file, '"x"\n"' + "\U0001f600" * (BATCH_BYTES // 4) + '"')


@pytest.mark.parametrize(("name", "most"), LONGEST.items())
def test_a_text_may_be_as_long_as_sonar_takes(file: Path, name: str, most: int) -> None:
    with pytest.raises(TooLarge, match=f"Line 1 of .*: {name} is longer"):
        calls(file, json.dumps({"prompt": "x", name: "x" * (most + 1)}))
    if name not in CHOICES:
        PromptBody.model_validate({"prompt": "x", name: "x" * most})


def test_a_file_that_is_too_large_is_not_read_to_its_end(file: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(65 * 1024 * 1024)
    with pytest.raises(TooLarge, match="64 MiB"):
        read_prompts(str(file), {})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.lists(st.binary(max_size=40) | st.sampled_from([b'"x"', b'{"prompt":"y"}', b"{}", b""]), max_size=6))
def test_whatever_stands_in_the_file_it_is_calls_or_a_clear_error(file: Path, lines: list[bytes]) -> None:
    file.write_bytes(b"\n".join(lines))
    try:
        read = read_prompts(str(file), {})
    except AmalfaError:
        return
    for line in read:
        PromptBody.model_validate(dict(line.call))


@given(st.lists(st.sampled_from([3, 400, 400_000, 900_000]), max_size=12), st.integers(0, 3))
def test_portions_keep_the_order_and_fit(sizes: list[int], many: int) -> None:
    lines = [Line(number, {"prompt": "x" * size}) for number, size in enumerate((*sizes, *[3] * 600 * many))]
    portions = list(batches(lines))
    assert [line for portion in portions for line in portion] == lines
    for portion in portions:
        assert 0 < len(portion) <= BATCH_CALLS
        body = json.dumps({"calls": [line.call for line in portion], "against": "/" * 4_096})
        assert len(body) < GuardLimits().body_bytes


def test_portions_and_tasks_are_those_that_sonar_knows() -> None:
    assert BATCH_CALLS == CALLS_MAX
    assert {"analyze", "chat"} < set(TASKS)
