from pathlib import Path

import pytest

from amalfa.config.load import check
from amalfa.config.origins import Origin
from amalfa.errors import InvalidConfig, UsageProblem
from amalfa.paths import Project
from tests.config.world import World


def test_each_source_beats_the_weaker_ones_and_is_named_as_the_origin(world: World) -> None:
    key = "sonar.model"
    origins = []

    def note(**overrides: object) -> None:
        loaded = world.load(**overrides)
        origins.append((loaded.settings.sonar.model, loaded.origins[key].kind))

    world.writes({})
    note()
    world.user_writes({"sonar": {"model": "1"}})
    note()
    world.writes({"sonar": {"model": "2"}})
    note()
    world.dotenv("OLLAMA_MODEL=3\n")
    note()
    world.sets(OLLAMA_MODEL="4")
    note()
    note(**{key: "5"})
    assert origins == [
        ("qwen2.5:1.5b", "default"),
        ("1", "user"),
        ("2", "project"),
        ("3", "dotenv"),
        ("4", "environment"),
        ("5", "command"),
    ]


def test_files_merge_key_by_key_and_every_value_knows_its_line(world: World) -> None:
    world.user_writes('{"sonar": {\n"cloud": {"model": "u", "enabled": true}, "modelPriority": ["a", "b"]}}')
    world.writes('{"sonar": {\n\n"cloud": {"model": "p"}, "modelPriority": ["c"]}}')
    loaded = world.load()
    assert (loaded.settings.sonar.cloud.model, loaded.settings.sonar.cloud.enabled) == ("p", True)
    assert loaded.settings.sonar.model_priority == ("c",)
    assert loaded.origins["sonar.cloud.model"] == Origin("project", str(world.project.config), 3)
    assert loaded.origins["sonar.cloud.enabled"] == Origin("user", str(world.users_path), 2)
    assert loaded.origins["sonar.cloud.host"] == Origin("default")


def test_a_missing_file_says_how_to_make_one(world: World) -> None:
    with pytest.raises(InvalidConfig) as caught:
        world.load()
    assert caught.value.hint == "amalfa init"
    assert caught.value.problems[0].message == "there is no such file"


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("amalfa.config.json")])
def test_whatever_stands_there_instead_of_a_file_is_a_problem(world: World, make: object) -> None:
    make(world.project.config)  # type: ignore[operator]
    assert len(world.problems()) == 1


def test_an_empty_user_file_or_a_broken_env_file_is_a_problem_of_that_file(world: World) -> None:
    world.user_writes("").writes({})
    world.env_path.write_bytes(b"A=1\n\xff\n")
    assert [(problem.path, problem.line) for problem in world.examine().problems] == [
        (str(world.env_path), 2),
        (str(world.users_path), 1),
    ]


def test_check_lists_problems_and_what_is_held_without_raising(world: World) -> None:
    world.writes({"docs": {"sources": ["/etc"]}})
    [problem] = check(world.project, environ=world.environ)
    assert "/etc" in problem.message
    assert check(world.writes({}).project, environ=world.environ) == ()


def test_an_override_of_no_setting_is_a_problem_of_the_command(world: World) -> None:
    world.writes({})
    with pytest.raises(InvalidConfig) as caught:
        world.load(**{"sonar.modle": "x"})
    assert str(caught.value.problems[0]) == 'command line: unknown key sonar.modle; did you mean "model"?'
    with pytest.raises(UsageProblem):
        world.load(**{"not a path": "x"})


def test_the_fingerprint_follows_every_file_and_variable_that_counts_and_no_other(world: World) -> None:
    world.writes({"sonar": {"pipelines": {"p": "p.json"}}})
    seen = [world.load().fingerprint]
    assert world.sets(UNRELATED="1").dotenv("# nothing\n").load().fingerprint != seen[0]
    world.dotenv("# nothing\n")
    seen = [world.load().fingerprint]
    for change in (
        lambda: world.writes('{"sonar": {"pipelines": {"p": "p.json"}}} // changed'),
        lambda: world.user_writes({}),
        lambda: world.dotenv("OPENROUTER_API_KEY=a\n"),
        lambda: world.sets(OLLAMA_MODEL="x"),
        lambda: (world.root / "p.json").write_text("{}"),
    ):
        change()
        seen.append(world.load().fingerprint)
    assert len(set(seen)) == len(seen)
    assert world.sets(UNRELATED="2").load().fingerprint == seen[-1]


def test_everything_that_counts_is_watched(world: World) -> None:
    world.writes({"sonar": {"pipelines": {"p": "p.json", "q": {}}}})
    assert set(world.load().watched_paths) == {
        world.project.config,
        world.users_path,
        world.env_path,
        Path(world.environ["AMALFA_HOME"]) / "trust.json",
        world.root / "p.json",
    }


def test_a_config_that_is_a_link_is_read_through_it(world: World, tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text('{"sonar": {"model": "linked"}}')
    world.project.config.symlink_to(tmp_path / "real.json")
    assert world.load().settings.sonar.model == "linked"


def test_a_file_of_a_mebibyte_is_read_and_one_byte_more_is_not(world: World) -> None:
    world.writes("{}" + " " * (1024 * 1024 - 2))
    assert world.problems() == []
    world.writes("{}" + " " * (1024 * 1024 - 1))
    assert world.problems() == [(None, "is larger than 1024 KiB")]


def test_the_root_may_have_any_name(tmp_path: Path) -> None:
    root = tmp_path / "päth with blanks"
    root.mkdir()
    world = World(root)
    world.project = Project(root, root / "amalfa.config.json")
    world.writes({"docs": {"sources": ["*.md"]}})
    assert world.held() == ()


def test_the_schema_key_is_allowed(world: World) -> None:
    assert world.writes({"$schema": "schema.json"}).problems() == []
