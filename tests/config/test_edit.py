import stat
from pathlib import Path

import pytest

from amalfa.config.edit import set_value
from amalfa.errors import InvalidConfig, UsageProblem
from tests.config.world import KEY, World

TEXT = """\
{
  // The model.
  "sonar": {"model": "a", "cloud": {"enabled": false}},
}
"""


def sets(world: World, key: str, written: str) -> str:
    set_value(world.project, key, written, environ=world.environ)
    return world.project.config.read_text()


@pytest.mark.parametrize(
    ("key", "written", "expected"),
    [
        ("sonar.model", "qwen3:4b", TEXT.replace('"a"', '"qwen3:4b"')),
        ("sonar.model", '"b"', TEXT.replace('"a"', '"b"')),
        ("sonar.model", "7", TEXT.replace('"a"', '"7"')),
        ("sonar.cloud.enabled", "true", TEXT.replace("false", "true")),
        ("sonar.cloud.enabled", "auto", TEXT.replace("false", '"auto"')),
        ("sonar.host", '["a", "b"]', TEXT.replace("false}}", 'false}, "host": ["a", "b"]}')),
        ("sonar.providers.openai.apiKey", "$MINE", None),
        ('sonar.catalog["a/b"].quality', "0.5", None),
        ("docs.watch", "false", TEXT.replace("},\n}", '},\n  "docs": {\n    "watch": false\n  },\n}')),
    ],
)
def test_a_value_is_changed_and_nothing_else(world: World, key: str, written: str, expected: str | None) -> None:
    changed = sets(world.writes(TEXT), key, written)
    assert expected is None or changed == expected
    assert "// The model." in changed
    assert world.problems() == []


@pytest.mark.parametrize(
    ("key", "written", "why"),
    [
        ("sonar.modle", "x", 'did you mean "model"?'),
        ("sonar.cloud.enabled", "yes", 'must be true, false or "auto"'),
        ("sonar.cloud.mode", "teired", 'did you mean "tiered"?'),
        ("sonar.http.port", "-1", "at least 1"),
        ("sonar.cloud.mode", '"x"', "must be one of replace, tiered"),
        ("sonar.host", "u:p@h", "must not hold a user name"),
        ("sonar", "1", "must be an object"),
        ("sonar.tasks.chat.timeout", '{"a": 1}', "must be a number"),
    ],
)
def test_a_value_that_does_not_fit_leaves_the_file_alone(world: World, key: str, written: str, why: str) -> None:
    world.writes(TEXT)
    with pytest.raises(InvalidConfig, match=r".*") as caught:
        sets(world, key, written)
    assert why in caught.value.message
    assert world.project.config.read_text() == TEXT


def test_a_key_is_not_taken_from_the_command_line(world: World) -> None:
    world.writes(TEXT)
    for key in ("apiKey", "basicAuth.password", "headers.Authorization"):
        with pytest.raises(UsageProblem) as caught:
            sets(world, f"sonar.providers.openai.{key}", KEY)
        assert KEY not in str(caught.value)
        assert ".env" in caught.value.hint
    assert "X-Title" in sets(world, 'sonar.providers.openai.headers["X-Title"]', "mine")


def test_the_mode_is_kept_and_a_link_is_followed(world: World, tmp_path: Path) -> None:
    world.writes(TEXT)
    real = tmp_path / "real.json"
    world.project.config.rename(real)
    real.chmod(0o640)
    world.project.config.symlink_to(real)
    assert set_value(world.project, "sonar.model", "b", environ=world.environ) == real
    assert world.project.config.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert '"b"' in real.read_text()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["project", "real.json"]


def test_one_problem_may_be_mended_while_others_remain(world: World) -> None:
    world.writes('{"sonar": {"model": 1,\n"modle": 2}}')
    assert sets(world, "sonar.model", "a") == '{"sonar": {"model": "a",\n"modle": 2}}'


def test_a_broken_value_is_not_replaced_by_another_broken_one(world: World) -> None:
    world.writes('{"sonar": {"enabled": 1}}')
    with pytest.raises(InvalidConfig):
        sets(world, "sonar.enabled", "2")


def test_a_file_that_cannot_be_read_is_not_edited(world: World) -> None:
    with pytest.raises(InvalidConfig) as caught:
        sets(world.writes('{"sonar": {'), "sonar.model", "a")
    assert caught.value.problems
    assert world.project.config.read_text() == '{"sonar": {'
    with pytest.raises(InvalidConfig):
        sets(world.writes("[]"), "sonar.model", "a")
    world.project.config.unlink()
    with pytest.raises(InvalidConfig) as caught:
        sets(world, "sonar.model", "a")
    assert caught.value.hint == "amalfa init"


def test_a_byte_order_mark_stays(world: World) -> None:
    assert sets(world.writes("\ufeff" + TEXT), "sonar.model", "b") == "\ufeff" + TEXT.replace('"a"', '"b"')


def test_an_edit_by_somebody_else_in_the_same_moment_is_not_lost(world: World) -> None:
    other = TEXT.replace('"a"', '"theirs"')

    class Meddling(dict[str, str]):
        """Stands for another program that saves while this one is checking its own edit."""

        def get(self, key: str, default: object = None) -> object:  # type: ignore[override]  # looked up by name only
            world.writes(other)
            return super().get(key, default)  # type: ignore[call-overload]  # as above

    world.writes(TEXT)
    with pytest.raises(UsageProblem, match="changed by something else"):
        set_value(world.project, "sonar.model", "mine", environ=Meddling(world.environ))
    assert world.project.config.read_text() == other
