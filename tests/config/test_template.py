import os
import shutil
from pathlib import Path

from amalfa.config.examine import examine
from amalfa.config.settings import Settings
from amalfa.config.template import config_template, env_template
from amalfa.paths import Project
from tests.config.world import World

REPOSITORY = Path(__file__).parents[2]


def test_the_template_is_valid_and_holds_the_defaults(world: World) -> None:
    loaded = world.writes(config_template()).load()
    assert loaded.settings == Settings()
    assert loaded.warnings == ()
    assert any(origin.kind == "project" for origin in loaded.origins.values())


def test_what_the_template_offers_in_comments_is_valid_too(world: World) -> None:
    lines = [line.replace("// ", "", 1) if '"' in line and line.strip().startswith("//") else line for line in _lines()]
    opened = "\n".join(line.replace("// },", "},") for line in lines)
    world.writes(opened).dotenv("GPU_KEY=x\n")
    assert world.problems() == []
    assert world.load().settings.sonar.tasks["synthesize"].timeout == 120


def _lines() -> list[str]:
    # Prose that quotes a value is no setting offered.
    return [
        line
        for line in config_template().split("\n")
        if not line.strip().startswith(("// The big", '// "replace"', "// What", "// More"))
    ]


def test_the_shipped_configuration_loads_clean_and_names_the_playbooks(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "amalfa.config.json", tmp_path)
    environ = {"XDG_CONFIG_HOME": os.fspath(tmp_path / "xdg"), "AMALFA_HOME": os.fspath(tmp_path / "home")}
    examined = examine(Project(tmp_path, tmp_path / "amalfa.config.json"), environ=environ)
    assert (examined.problems, examined.held, examined.warnings) == ((), (), ())
    assert examined.loaded is not None
    assert examined.loaded.settings.docs.sources == ("playbooks", "README.md", "CHANGELOG.md")
    assert examined.loaded.settings.sonar == Settings().sonar


def test_the_shipped_example_is_the_template() -> None:
    assert (REPOSITORY / ".env.example").read_text() == env_template()


def test_the_example_holds_no_value(world: World) -> None:
    world.writes({}).dotenv(env_template())
    assert world.load().env_values == {}
    assert world.warnings() == []
