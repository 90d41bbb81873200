"""Reading a router's reply: every way of naming one target, and no way of being sure of two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.errors import BadReply
from amalfa.pipelines.choosing import KEPT_MAX, Decided, Decisions, TargetReader, by_rules
from tests.fakes import FakeClock
from tests.pipelines.house import TOPICS, pipeline_of

PIPELINE = pipeline_of(TOPICS)
TARGETS = PIPELINE.targets(PIPELINE.entry)


@pytest.mark.parametrize(
    "text",
    [
        '{"target": "creative-handler"}',
        '{"target": "Creative Handler"}',
        '```json\n{"target": "creative_handler"}\n```',
        '{"name": "creative-handler"}',
        '["creative-handler"]',
        "creative-handler",
        ' "Creative-Handler". ',
        "**creative handler**",
        "I would send this to the creative-handler, as it is about a poem.",
        "<think>It could be technical-handler… no.</think>creative-handler",
        '<think>technical-handler?</think>{"target": "creative-handler"}',
    ],
)
def test_one_target_is_understood_however_it_is_named(text: str) -> None:
    assert TargetReader(TARGETS)(text).value == "creative-handler"


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("creative-handler, not technical-handler", "named two targets"),
        ('{"target": "poetry-handler"}', "named no target"),
        ('{"target": ""}', "named no target"),
        ('{"target": ["creative-handler", "technical-handler"]}', "named no target"),
        ("<think>creative-handler", "named no target"),
        ("uncreative-handlers", "named no target"),
        ("   ", "said nothing"),
    ],
)
def test_a_reply_in_doubt_is_refused_with_the_names_to_choose_from(text: str, trouble: str) -> None:
    reader = TargetReader(TARGETS)
    with pytest.raises(BadReply, match="creative-handler, technical-handler"):
        reader(text)
    assert reader.trouble == trouble


def test_a_name_that_is_part_of_another_is_told_from_it() -> None:
    pipeline = pipeline_of(TOPICS.replace('"technical-handler"', '"creative"'))
    reader = TargetReader(pipeline.targets(pipeline.entry))
    assert reader("the creative-handler, please").value == "creative-handler"
    assert reader("the creative one").value == "creative"


@given(st.text(max_size=200))
def test_any_reply_gives_a_target_or_is_refused(text: str) -> None:
    try:
        found = TargetReader(TARGETS)(text)
    except BadReply:
        return
    assert found.value in {target.name for target in TARGETS}


def test_a_condition_that_cannot_be_told_closes_its_target_and_is_put_on_record() -> None:
    ruled = pipeline_of(TOPICS.replace('"use-case": "Stories', '"if": "$WORD_COUNT < 9", "use-case": "Stories'))
    found = by_rules(ruled.targets(ruled.entry), {}, has_model=True)
    assert found.taken is not None
    assert found.taken.name == "technical-handler"
    assert "$WORD_COUNT is not known here" in found.undecided


def test_no_condition_holds_means_the_default() -> None:
    text = TOPICS.replace('"use-case": "Stories', '"if": "$WORD_COUNT > 9", "use-case": "Stories')
    text = text.replace('"use-case": "Code', '"if": "$WORD_COUNT > 9", "default": true, "use-case": "Code')
    ruled = pipeline_of(text)
    found = by_rules(ruled.targets(ruled.entry), {"WORD_COUNT": 3.0}, has_model=True)
    assert found.decided == "default: no condition holds, technical-handler is taken"


def test_only_so_many_decisions_are_kept() -> None:
    decisions = Decisions(FakeClock())
    for number in range(KEPT_MAX + 1):
        decisions.keep(str(number), Decided("a", "router said a"))
    assert decisions.find("0") is None
    assert decisions.find("1") is not None
