import os

import pytest

from tests.config.world import KEY, World

WITH_KEY = f'{{"sonar": {{"providers": {{"openrouter": {{\n"apiKey": "{KEY}"}}}}}}}}'
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")


def test_a_key_in_a_file_that_others_can_read_is_refused_at_its_line(world: World) -> None:
    [(line, message)] = world.writes(WITH_KEY, mode=0o644).problems()
    assert line == 2
    assert "can read; move it to .env, or chmod 600" in message


def test_a_key_in_a_file_of_the_users_alone_is_accepted_with_a_warning(world: World) -> None:
    world.writes(WITH_KEY, mode=0o600)
    assert world.warnings() == [
        'sonar.providers.openrouter.apiKey holds a key; better keep it in .env and write "$NAME"'
    ]


@pytest.mark.parametrize(
    "provider",
    [
        {"basicAuth": {"username": "u", "password": KEY}},
        {"headers": {"Authorization": KEY}},
        {"headers": {"x-my-token": KEY}},
    ],
)
def test_passwords_and_tokens_are_keys_as_well(world: World, provider: object) -> None:
    assert len(world.writes({"sonar": {"providers": {"openrouter": provider}}}).problems()) == 1


@pytest.mark.parametrize("provider", [{"apiKey": "$A"}, {"headers": {"X-Title": "mine", "X-Region": "eu"}}])
def test_references_and_harmless_headers_are_not(world: World, provider: object) -> None:
    world.writes({"sonar": {"providers": {"openrouter": provider}}}).dotenv("A=1\n")
    assert world.problems() == []
    assert world.warnings() == []


def test_a_key_that_came_with_the_command_is_in_no_file(world: World) -> None:
    loaded = world.writes({}).load(**{"sonar.providers.openai.apiKey": KEY})
    assert loaded.warnings == ()
    assert loaded.keys.for_provider("openai") is not None


def test_files_that_anybody_may_change_are_told(world: World) -> None:
    world.writes({}, mode=0o666)
    assert world.warnings() == [f"other users can change this file; chmod o-w {world.project.config}"]


@needs_root
def test_files_of_another_user_are_told_and_may_hold_no_key(world: World) -> None:
    world.writes({})
    os.chown(world.project.config, 65534, -1)
    assert world.warnings() == ["other users can change this file; it belongs to one of them"]
    world.writes(WITH_KEY, mode=0o600)
    assert len(world.problems()) == 1


def test_an_env_file_with_keys_that_others_can_read_is_told(world: World) -> None:
    world.writes({}).dotenv(f"OPENROUTER_API_KEY={KEY}\n", mode=0o644)
    assert world.warnings() == [f"other users can read the keys in it; chmod 600 {world.env_path}"]
    world.dotenv("OLLAMA_MODEL=phi3\n", mode=0o644)
    assert world.warnings() == []


def test_a_name_that_is_almost_one_that_is_read_is_told(world: World) -> None:
    world.writes({}).dotenv("OPENROUTER_API_KEI=x\nUNRELATED=1\nOLLAMA_KEEP_ALIVE=1\n")
    assert world.warnings() == ['OPENROUTER_API_KEI is no variable that is read; did you mean "OPENROUTER_API_KEY"?']


def test_lines_of_an_env_file_that_are_skipped_are_told_with_their_number(world: World) -> None:
    world.writes({}).dotenv("OLLAMA_MODEL=phi3\nwhat is this\n")
    [problem] = world.examine().warnings
    assert (problem.path, problem.line) == (str(world.env_path), 2)
