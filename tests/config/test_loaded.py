import pytest

from amalfa.config.loaded import get, show
from amalfa.errors import NotFound, UsageProblem
from tests.config.world import KEY, World


def test_show_lists_every_setting_with_its_value_and_origin(world: World) -> None:
    world.writes('{"sonar": {\n"cache": false, "catalog": {"a/b": {"quality": 0.5}}}}').sets(OLLAMA_MODEL="phi3")
    shown = {one.key: (one.value, str(one.origin)) for one in show(world.load())}
    assert shown["sonar.model"] == ("phi3", "environment OLLAMA_MODEL")
    assert shown["sonar.cache.enabled"] == (False, f"{world.project.config}:2")
    assert shown['sonar.catalog["a/b"].quality'] == (0.5, f"{world.project.config}:2")
    assert shown["sonar.cloud.host"] == ("openrouter.ai/api/v1", "default")
    assert "docs.embeddings" not in shown


def test_secrets_are_masked_and_public_headers_are_not(world: World) -> None:
    provider = {"apiKey": KEY, "headers": {"X-Key": KEY, "HTTP-Referer": "https://me.example"}}
    world.user_writes({"sonar": {"providers": {"openrouter": provider}}}).writes({})
    shown = {one.key: one.value for one in show(world.load())}
    assert shown["sonar.providers.openrouter.apiKey"] == "sk-…ary"
    assert shown["sonar.providers.openrouter.headers.X-Key"] == "sk-…ary"
    assert shown["sonar.providers.openrouter.headers.HTTP-Referer"] == "https://me.example"


def test_a_reference_is_shown_as_it_is_written(world: World) -> None:
    world.writes({"sonar": {"providers": {"openrouter": {"apiKey": "$MY_KEY"}}}}).sets(MY_KEY="")
    assert get(world.load(), "sonar.providers.openrouter.apiKey") == "$MY_KEY"


def test_get_gives_values_groups_and_items(world: World) -> None:
    loaded = world.writes({"sonar": {"host": ["localhost", "localhost:11434"]}}).load()
    assert get(loaded, "sonar.host[1]") == "localhost:11434"
    assert get(loaded, "sonar.cloud.enabled") is False
    assert get(loaded, "sonar.budget") == {
        "perRequestUsd": None,
        "dailyUsd": None,
        "monthlyUsd": None,
        "onLimit": "local",
    }


@pytest.mark.parametrize("key", ["sonar.modle", "sonar.host[5]", "nothing", "sonar.model.x", "sonar.model.x.y"])
def test_get_of_no_setting_is_an_error_with_a_suggestion(world: World, key: str) -> None:
    with pytest.raises(NotFound) as caught:
        get(world.writes({}).load(), key)
    assert key != "sonar.modle" or 'did you mean "sonar.model"?' in caught.value.message


def test_get_of_no_path_is_a_usage_problem(world: World) -> None:
    with pytest.raises(UsageProblem):
        get(world.writes({}).load(), "a b")
