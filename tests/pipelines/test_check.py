"""What `check` finds before a pipeline runs: errors that keep it from running, notes that are worth knowing."""

import pytest

from amalfa.pipelines.check import Known, find_problems
from tests.pipelines.house import TOPICS, pipeline_of, read, refined
from tests.pipelines.test_reading import LINEAGE


def errors(text: str, known: Known | None = None) -> list[str]:
    pipeline, _ = read(text)
    assert pipeline is not None
    return [problem.message for problem in find_problems(pipeline, known or Known())[0]]


def notes(text: str) -> list[str]:
    return [problem.message for problem in find_problems(pipeline_of(text))[1]]


def test_a_good_pipeline_has_no_problems() -> None:
    assert errors(TOPICS) == errors(refined()) == []
    assert notes(TOPICS) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"output-to": [1]', '"output-to": [1, 7]', "leads to layer 7, which has no node"),
        ('"output-to": [1]', '"output-to": ["creative-handlr"]', 'did you mean "creative-handler"?'),
        ('"output-to": [1]', '"output-to": ["creative-handler"]', '"technical-handler" is never reached'),
        ('"output-to": [1]', '"output-to": []', "leads nowhere"),
        ('"output-to": ["output"]', '"output-to": [0]', "leads back to itself; set max-hops"),
        ('"output-to": [1]', '"output-to": [1, "output"]', "would end without an answer"),
        ('"layer": 1, "model": "ollama:creative"', '"layer": 0, "model": "ollama:creative"', "in the lowest layer"),
        ('"use-case": "Code, debugging",', "", "neither a use-case nor an if"),
        ('"model": "ollama:router", ', "", "neither a model nor conditions"),
        ('"use-case": "Code', '"if": "$WORD_COUNT < 0", "use-case": "Code', "a condition that never holds"),
        ('"use-case": "Code', '"if": "$WORD_COUNT > 5 and $WORD_COUNT < 4", "use-case": "Code', "never holds"),
    ],
)
def test_what_keeps_a_pipeline_from_running_is_told(before: str, after: str, told: str) -> None:
    found = errors(TOPICS.replace(before, after, 1))
    assert any(told in message for message in found), found


def test_two_defaults_of_one_router_are_told() -> None:
    twice = TOPICS.replace('"layer": 1,', '"layer": 1, "default": true,')
    assert any("second default" in message for message in errors(twice))


def test_nodes_that_never_end_are_told() -> None:
    circle = TOPICS.replace('"output-to": ["output"]', '"output-to": [0]')
    assert any("never leads to an output" in message for message in errors(circle))
    assert not any("set max-hops" in message for message in errors(circle.replace("{", '{"max-hops": 4,', 1)))


def test_an_unset_key_is_named_with_what_to_do() -> None:
    assert errors(LINEAGE, Known(has_variable=lambda name: True)) == []
    found = errors(LINEAGE, Known(has_variable=lambda name: False))
    assert found == [
        'model "router-gemma": api-key names $OPENROUTER_API_KEY, which is not set; put OPENROUTER_API_KEY=… into .env'
    ]


def test_old_addresses_are_ignored_with_a_note() -> None:
    assert any("bind-addr and bind-port, which is ignored" in note for note in notes(LINEAGE))


def test_a_key_written_out_is_warned_of() -> None:
    assert any("holds a key" in note for note in notes(LINEAGE.replace("$OPENROUTER_API_KEY", "sk-0123456789")))


def test_conditions_that_overlap_are_shown_with_an_example() -> None:
    ruled = TOPICS.replace('"use-case": "Stories', '"if": "$WORD_COUNT < 9", "use-case": "Stories')
    ruled = ruled.replace('"use-case": "Code', '"if": "$WORD_COUNT > 5", "use-case": "Code')
    assert any("at once ($WORD_COUNT is 6); its model decides then" in note for note in notes(ruled))
    assert notes(ruled.replace("> 5", ">= 9")) == []


def test_a_fan_out_is_checked() -> None:
    lone = '{"architecture": [{"name": "a", "layer": 0, "fan-out": true, "merge": "synthesize", "output-to": ["b"]},'
    lone += (
        '{"name": "b", "layer": 1, "model": "ollama:b", "output-to": ["output"]},{"name":"output","adapter":"output"}]}'
    )
    found = errors(lone)
    assert any("needs several targets" in message for message in found)
    assert any("names no model for it" in message for message in found)


def test_a_hook_without_its_function_is_told() -> None:
    hooked = TOPICS.replace('"adapter": "openai-api"', '"hooks": {"pre": [{"function": "lgo"}]}', 1)
    assert any("calls lgo, which functions does not list" in message for message in errors(hooked))
