"""The `models` of pipelines as providers: whose they are, how their addresses are read, what is asked of the user."""

import json

from amalfa.config.examine import examine
from amalfa.config.loaded import Loaded
from amalfa.paths import Project
from tests.config.world import World


def loaded(world: World, **models: dict[str, object]) -> Loaded:
    world.writes({"sonar": {"pipelines": {"flow": {"models": models, "architecture": []}}}})
    found = examine(Project(world.root, world.root / "amalfa.config.json"), environ=world.environ).loaded
    assert found is not None
    return found


def entry(url: str, **more: object) -> dict[str, object]:
    return {"type": "external", "interface": "openai-api", "url": url, **more}


def test_an_entry_at_a_providers_home_with_its_key_is_that_provider(world: World) -> None:
    urls = (
        "https://openrouter.ai/api/v1",
        "https://openrouter.ai/api",
        "https://openrouter.ai",
        "openrouter.ai/api/v1",
    )
    found = loaded(world, **{f"m{at}": entry(url, **{"api-key": "$OPENROUTER_API_KEY"}) for at, url in enumerate(urls)})
    assert set(found.pipelines["flow"].providers.values()) == {"openrouter"}


def test_without_a_key_it_is_that_provider_too(world: World) -> None:
    found = loaded(world, a=entry("https://openrouter.ai/api/v1", **{"api-key": None}))
    assert found.pipelines["flow"].providers == {"a": "openrouter"}


def test_another_key_makes_a_provider_of_its_own_of_the_same_type(world: World) -> None:
    world.environ["OTHER_KEY"] = "sk-or-other-0123456789"
    found = loaded(world, a=entry("https://openrouter.ai/api", **{"api-key": "$OTHER_KEY"}))
    assert found.pipelines["flow"].providers == {"a": "flow.a"}
    own = found.endpoints["flow.a"]
    assert (own.type, own.urls) == ("openrouter", ("https://openrouter.ai/api/v1",))
    key = found.keys.for_provider("flow.a")
    assert key is not None
    assert key.secret.reveal() == "sk-or-other-0123456789"
    assert "0123456789" not in repr(found)


def test_the_local_ollama_is_the_ollama_provider_however_it_is_written(world: World) -> None:
    urls = ("http://localhost:11434", "http://127.0.0.1:11434/v1", "http://localhost:11434/api")
    found = loaded(world, **{f"m{at}": entry(url) for at, url in enumerate(urls)})
    assert set(found.pipelines["flow"].providers.values()) == {"ollama"}


def test_another_server_of_this_machine_is_an_openai_provider_and_not_taken_for_local(world: World) -> None:
    found = loaded(world, a=entry("http://localhost:8080", local=True), b=entry("http://localhost:8081/v1"))
    assert [found.endpoints[f"flow.{key}"].urls[0] for key in "ab"] == [
        "http://localhost:8080/v1",
        "http://localhost:8081/v1",
    ]
    assert found.endpoints["flow.a"].type == "openai"
    assert not found.endpoints["flow.a"].settings.local
    assert any("counts only in your own configuration" in str(warning) for warning in found.warnings)


def test_two_pipelines_never_share_the_name_of_a_provider(world: World) -> None:
    found = loaded(world, **{"a b": entry("http://localhost:8080"), "a-b": entry("http://localhost:8081")})
    assert set(found.pipelines["flow"].providers.values()) == {"flow.a-b", "flow.a-b-2"}


def test_a_foreign_host_is_asked_about_and_until_then_nothing_is_in_force(world: World) -> None:
    pipelines = {"flow": {"models": {"a": entry("https://models.example/v1")}, "architecture": []}}
    world.writes({"sonar": {"pipelines": pipelines}})
    examined = examine(Project(world.root, world.root / "amalfa.config.json"), environ=world.environ)
    assert [(one.kind, one.target) for one in examined.held] == [("host", "https://models.example")]


def test_only_the_users_own_words_make_a_server_local(world: World) -> None:
    flow = {"models": {"a": entry("http://localhost:8080", local=True)}, "architecture": []}
    world.writes({}).user_writes({"sonar": {"pipelines": {"flow": flow, "inside": "inside.json"}}})
    (world.root / "inside.json").write_text(json.dumps(flow))
    found = world.load()
    assert found.endpoints["flow.a"].settings.local is True
    assert not found.endpoints["inside.a"].settings.local, "a project's file speaks for the project, whoever names it"


def test_a_loose_file_is_asked_about_even_beside_the_users_own_configuration(world: World) -> None:
    world.user_writes({})
    flow = {"models": {"a": entry("https://models.example/v1")}, "architecture": []}
    loose = world.users_path.parent / "loose.json"
    loose.write_text(json.dumps(flow))
    project = Project(world.users_path.parent, world.users_path)
    examined = examine(project, environ=world.environ, pipelines={"loose": "loose.json"})
    assert [(one.kind, one.target) for one in examined.held] == [("host", "https://models.example")]
