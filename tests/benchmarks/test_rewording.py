import re
from dataclasses import replace

import pytest

from benchmarks.vault import make_vault
from benchmarks.world.house_rules import TOPICS
from benchmarks.world.population import KINDS
from benchmarks.world.question import Question
from benchmarks.world.rewording import ASKS, reword
from benchmarks.world.second_rules import RULES

SEEDS = (7, 101)
COMMON = re.compile(
    "(?:an?|are|at|be|do|does|for|from|get|how|i|in|is|it|may|of|on|one|or|the|their|them|to|what|when|where|who)"
)


@pytest.fixture(scope="module", params=SEEDS)
def both(request: pytest.FixtureRequest) -> list[tuple[Question, Question]]:
    first = make_vault(1_000, request.param).questions
    return list(zip(first, reword(first, request.param), strict=True))


def test_both_wordings_ask_about_the_same_facts(both: list[tuple[Question, Question]]) -> None:
    for first, second in both:
        assert replace(second, text=first.text) == first


def test_no_question_keeps_its_words_and_no_two_are_alike(both: list[tuple[Question, Question]]) -> None:
    firsts = {first.text.casefold() for first, _ in both}
    seconds = {second.text.casefold() for _, second in both}
    assert len(seconds) == len(both)
    assert not firsts & seconds


def test_what_a_question_names_it_still_names(both: list[tuple[Question, Question]]) -> None:
    for first, second in both:
        # Whatever holds a digit: codes, numbers, years. A date may be written in another way.
        named = re.findall(r"[\w./-]*\d[\w/-]*", first.text)
        if first.type != "temporal" and "meeting" not in first.reason:
            assert all(one in second.text for one in named), (first.text, second.text)


def test_the_thing_between_two_notes_is_not_named(both: list[tuple[Question, Question]]) -> None:
    for _, second in both:
        assert second.type != "multi-hop" or second.golds[0].holds not in second.text


def test_what_has_no_answer_still_asks_for_the_same_thing(both: list[tuple[Question, Question]]) -> None:
    for first, second in both:
        if not first.is_answerable:
            name = first.about[0]
            assert name in second.text or name.replace(" in ", " ") in second.text


def test_a_wording_depends_on_its_question_and_the_seed_alone() -> None:
    questions = make_vault(120, 3, 40).questions
    assert reword(questions, 3)[5:9] == reword(questions[5:9], 3)
    assert reword(questions, 3) != reword(questions, 4)


def test_a_question_without_a_second_wording_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="no second wording of 'What is it\\?'"):
        reword([Question("odd-001", "numeric", "What is it?")], 7)


def test_everything_that_may_be_asked_has_at_least_two_second_wordings() -> None:
    keys = {f"{kind.name}.{one.name}" for kind in KINDS for one in kind.attributes}
    keys |= {f"{kind.name}.{one.name} of" for kind in KINDS for one in kind.attributes if one.reverse}
    assert keys <= set(ASKS)
    rules = {f"{topic}: {rule.heading}" for topic, listed in TOPICS.items() for rule in listed}
    assert rules == set(RULES)
    assert all(len(ways) >= 2 for ways in (*ASKS.values(), *RULES.values()))


def test_a_rule_is_asked_for_in_other_words_than_it_is_told_in() -> None:
    for topic, rules in TOPICS.items():
        for rule in rules:
            told = words_of(rule.line.replace("{v}", ""))
            for ask in RULES[f"{topic}: {rule.heading}"]:
                assert not words_of(ask.replace("{site}", "")) & told, ask


def words_of(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]+", text.lower()) if not COMMON.fullmatch(word)}
