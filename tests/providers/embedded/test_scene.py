import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.providers.embedded.scene import asking_part, is_indirect, scenes


@pytest.mark.parametrize(
    ("text", "asking"),
    [
        ("The press is stuck again. Which lever do I pull?", "Which lever do I pull?"),
        ("The press is stuck again, which lever do I pull?", "which lever do I pull?"),
        ("Which lever do I pull? The press is stuck.", "Which lever do I pull?"),
        ("I have a visitor, and from which gate do they come in?", "and from which gate do they come in?"),
        ("Die Presse klemmt schon wieder. Welchen Hebel ziehe ich?", "Welchen Hebel ziehe ich?"),
        ("On est devant la porte, c'est quoi le code ?", "c'est quoi le code ?"),
        ("I lost my card. Can I get a new one?", "Can I get a new one?"),
    ],
)
def test_what_is_told_first_only_sets_the_scene(text: str, asking: str) -> None:
    assert asking_part(text) == asking


@pytest.mark.parametrize(
    "text",
    [
        "Who leads Project Kite?",
        "If I stay home ill, on which day is a certificate due?",
        "Whoever leads Project Kite, where do they live?",
        "kitchen journal 2024-02-03",
        "Tell me the port of the relay",
        "",
    ],
)
def test_a_question_without_a_scene_is_taken_whole(text: str) -> None:
    assert scenes(text) == []
    assert asking_part(text) == text


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Where does whoever leads Kite live?", True),
        ("How old is the machine Kite runs on?", True),
        ("What is the rack of the server of Kite?", False),
        ("Who leads Kite?", False),
    ],
)
def test_somebody_who_is_only_described_makes_a_question_indirect(text: str, is_one: bool) -> None:
    assert is_indirect(text) is is_one


@given(st.text())
def test_scenes_are_stretches_of_the_question_in_order(text: str) -> None:
    ends = [0, *(offset for span in scenes(text) for offset in span)]
    assert ends == sorted(ends)
    assert ends[-1] <= len(text)
