import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalfa.calls import Material, Passage
from amalfa.providers.embedded.metadata import Description, describe
from amalfa.tasks.metadata import MetadataOutput
from tests.providers.embedded.manual import COOKING, MANUAL


def described(text: str, path: str = "playbooks/sonar-manual.md", passages: tuple[Passage, ...] = ()) -> Description:
    return describe(Material(documents=((path, text),), passages=passages))


def test_the_summary_is_the_notes_own_first_sentences() -> None:
    found = described(MANUAL)
    assert found["title"] == "Sonar manual"
    assert found["summary"].startswith(
        "Sonar is a daemon that answers questions over a folder of notes. It watches the folder"
    )


def test_keywords_are_what_the_note_speaks_of_most() -> None:
    keywords = described(MANUAL)["keywords"]
    assert 3 <= len(keywords) <= 8
    assert "sonar" in keywords
    assert not {"the", "is", "and"} & set(keywords)


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("guides/install.md", "# How to install\n\n1. Get it\n2. Unpack it\n3. Run it\n", "guide"),
        ("meetings/2024-05-14-heron.md", "# Heron meeting\n\nAttendees: Ann, Bo\n", "log"),
        ("CHANGELOG.md", "# Changelog\n\n## 1.1.0\n\n- more\n\n## 1.0.0\n\n- first\n", "log"),
        ("ref/options.md", "# Options\n\n| flag | what |\n|---|---|\n| -a | all |\n| -b | bare |\n", "reference"),
        (
            "design/architecture.md",
            "# Architecture\n\nThe layers and their components, with a diagram.\n",
            "architecture",
        ),
        ("why.md", "# Why two queues: background and concepts\n\nAn overview of the principles.\n", "conceptual"),
        ("poem.md", "# Roses\n\nRoses are red.\n", "other"),
    ],
)
def test_the_shape_of_a_note_tells_its_kind(path: str, text: str, kind: str) -> None:
    assert described(text, path)["doc_type"] == kind


def test_front_matter_speaks_first_and_is_no_part_of_the_text() -> None:
    found = described(
        '---\ntitle: "Own title"\ntags:\n  - tea\n  - "#water"\n---\n# Heading\n\nTea needs water.\n', "a.md"
    )
    assert found["title"] == "Own title"
    assert found["themes"][:2] == ["tea", "water"]
    assert found["summary"] == "Tea needs water."


def test_related_notes_are_linked_ones_first_and_never_the_note_itself() -> None:
    def other(path: str, title: str, text: str) -> Passage:
        return Passage(path, 1, 1, title, text, title=title)

    text = "# Soup\n\nRoast tomatoes with garlic and basil, as in [[Tomato sauce]].\n"
    passages = (
        other("soup.md", "Soup", text),
        other("salad.md", "Salad", "Garlic, basil and roast tomatoes make a salad."),
        other("sauce.md", "Tomato sauce", "Boil."),
        other("cars.md", "Cars", "Wheels turn."),
    )
    assert described(text, "soup.md", passages)["related_docs"] == ["sauce.md", "salad.md"]


def test_code_speaks_for_developers_and_recipes_for_everybody() -> None:
    program = "# Parser implementation\n\n" + "The function `read` calls `next`.\n\n```python\nread()\n```\n\n" * 4
    assert described(program, "dev/parser.md")["audience"] == "developer"
    assert described(COOKING, "soup.md")["audience"] in ("user", "general")


def test_a_note_in_another_script_is_described_too() -> None:
    found = described(
        "# 抹茶プリンの作り方\n\n抹茶プリンは砂糖と牛乳で作ります。砂糖は35グラムです。\n", "料理/抹茶プリン.md"
    )
    assert found["title"] == "抹茶プリンの作り方"
    assert any("プリン" in word for word in found["keywords"])


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=400).filter(str.strip))
@settings(deadline=None)
def test_every_text_gets_a_description_that_the_task_accepts(text: str) -> None:
    MetadataOutput.model_validate(described(text, "a/b.md"))
