import pytest

from amalfa.config.endpoints import Endpoint
from tests.config.world import World


def endpoint(world: World, name: str) -> Endpoint:
    loaded = world.examine().loaded
    assert loaded is not None
    return loaded.endpoints[name]


def test_known_providers_are_at_home_without_a_word_in_the_configuration(world: World) -> None:
    world.writes({})
    assert {name: (one.type, one.urls) for name, one in world.load().endpoints.items()} == {
        "ollama": ("ollama", ("http://localhost:11434",)),
        "openrouter": ("openrouter", ("https://openrouter.ai/api/v1",)),
        "openai": ("openai", ("https://api.openai.com/v1",)),
        "anthropic": ("anthropic", ("https://api.anthropic.com",)),
        "lmstudio": ("openai", ("http://localhost:1234/v1",)),
    }


def test_a_list_of_hosts_is_a_pool_without_doubles(world: World) -> None:
    world.user_writes({"sonar": {"host": ["gpu1", "gpu2:99", "http://gpu1:11434/"]}}).writes({})
    assert endpoint(world, "ollama").urls == ("http://gpu1:11434", "http://gpu2:99")


@pytest.mark.parametrize("written", ["openrouter.ai", "openrouter.ai/api/v1", "https://openrouter.ai/api/v1/"])
def test_openrouter_is_found_however_its_host_is_written(world: World, written: str) -> None:
    world.writes({"sonar": {"cloud": {"host": written}}})
    assert endpoint(world, "openrouter").urls == ("https://openrouter.ai/api/v1",)


def test_a_gpu_server_of_ones_own_is_a_provider_of_its_own(world: World) -> None:
    world.user_writes({"sonar": {"cloud": {"provider": "ollama", "host": "gpu.lan"}}}).writes({})
    assert endpoint(world, "ollama-cloud").urls == ("http://gpu.lan:11434",)
    assert endpoint(world, "ollama-cloud").type == "ollama"
    assert endpoint(world, "openrouter").urls == ("https://openrouter.ai/api/v1",)


def test_without_such_a_server_there_is_no_such_provider(world: World) -> None:
    assert "ollama-cloud" not in world.writes({}).load().endpoints


def test_the_stronger_source_wins_between_two_settings_that_name_a_host(world: World) -> None:
    world.user_writes({"sonar": {"providers": {"ollama": {"hosts": ["gpu"]}}}}).writes({})
    assert endpoint(world, "ollama").urls == ("http://gpu:11434",)
    world.sets(OLLAMA_HOST="other:1")
    assert endpoint(world, "ollama").urls == ("http://other:1",)
    assert endpoint(world, "ollama").origin.name == "OLLAMA_HOST"


def test_within_one_source_the_providers_own_key_wins(world: World) -> None:
    own = {"openrouter": {"baseUrl": "eu.openrouter.ai/api/v1"}}
    world.writes({"sonar": {"cloud": {"host": "openrouter.ai/api/v1"}, "providers": own}})
    assert endpoint(world, "openrouter").urls == ("https://eu.openrouter.ai/api/v1",)


def test_an_address_written_twice_in_one_file_is_a_problem_at_its_line(world: World) -> None:
    world.writes(
        '{"sonar": {"providers": {"openai": {\n"baseUrl": "api.openai.com/v1",\n"hosts": ["api.openai.com/v1"]}}}}'
    )
    assert world.problems() == [(3, "sonar.providers.openai.hosts and baseUrl both name its address; keep one of them")]


def test_a_bad_host_is_a_problem_at_its_line_in_the_list(world: World) -> None:
    world.writes('{"sonar": {"host": ["a",\n"169.254.169.254",\n"b:0"]}}')
    assert world.problems() == [
        (2, "sonar.host[1] is a link-local address, which no model is served from"),
        (3, "sonar.host[2] has a port that is not a number from 1 to 65535"),
    ]


def test_a_bad_host_written_as_text_is_named_without_a_position(world: World) -> None:
    world.writes({"sonar": {"host": "u:p@h"}})
    assert world.problems() == [(1, "sonar.host must not hold a user name or password; use basicAuth or apiKey")]


def test_a_built_in_provider_may_be_redefined(world: World) -> None:
    world.user_writes({"sonar": {"providers": {"openai": {"type": "ollama", "hosts": "gpu", "local": True}}}}).writes(
        {}
    )
    found = endpoint(world, "openai")
    assert (found.type, found.urls, found.settings.local) == ("ollama", ("http://gpu:11434",), True)


def test_a_host_may_be_an_object_with_credentials_of_its_own(world: World) -> None:
    own = {"url": "gpu2:99", "apiKey": "$GPU2", "headers": {"X-Team": "$TEAM"}}
    world.user_writes({"sonar": {"providers": {"ollama": {"hosts": ["gpu1", {"url": "gpu3"}, own]}}}}).writes({})
    found = endpoint(world, "ollama")
    assert found.urls == ("http://gpu1:11434", "http://gpu3:11434", "http://gpu2:99")
    assert list(found.own_hosts) == ["http://gpu2:99"]
    assert found.own_hosts["http://gpu2:99"].key == ("sonar", "providers", "ollama", "hosts", 2)


def test_hosts_that_a_stronger_source_replaced_bring_nothing(world: World) -> None:
    hosts = [{"url": "gpu", "apiKey": "$GPU"}]
    world.user_writes({"sonar": {"providers": {"ollama": {"hosts": hosts}}}}).writes({}).sets(OLLAMA_HOST="other:1")
    assert endpoint(world, "ollama").own_hosts == {}


def test_the_same_host_with_two_credentials_is_a_problem(world: World) -> None:
    world.user_writes({}).writes(
        '{"sonar": {"providers": {"ollama": {"hosts": [\n"gpu",\n{"url": "gpu:11434", "apiKey": "$A"}]}}}}'
    )
    assert world.problems() == [
        (3, "sonar.providers.ollama.hosts[1] names a host that stands in the list already; keep one of them")
    ]


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ({"apiKey": "$A"}, "sonar.providers.ollama.hosts[0].url is missing"),
        ({"url": "a", "key": "b"}, "unknown key sonar.providers.ollama.hosts[0].key"),
        ({"url": "u:p@h"}, "sonar.providers.ollama.hosts[0] must not hold a user name or password"),
        (3, "sonar.providers.ollama.hosts[0] must be an object"),
    ],
)
def test_a_host_that_is_written_wrong_is_a_problem_that_says_where(world: World, host: object, message: str) -> None:
    world.writes({"sonar": {"providers": {"ollama": {"hosts": [host]}}}})
    [(_, found)] = world.problems()
    assert found.startswith(message)


def test_a_lone_object_is_no_list_of_hosts(world: World) -> None:
    world.writes({"sonar": {"providers": {"ollama": {"hosts": {"url": "a", "apiKey": "$A"}}}}})
    assert world.problems() == [(1, "sonar.providers.ollama.hosts must be a list")]
