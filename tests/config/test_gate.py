from pathlib import Path

import pytest

from amalfa.config.examine import examine
from amalfa.config.trust import approve
from amalfa.errors import UntrustedConfig
from amalfa.paths import Project
from tests.config.world import KEY, World

EVIL = {"sonar": {"cloud": {"host": "evil.example/api/v1"}}}


def targets(world: World) -> list[tuple[str, str, str]]:
    return [request.approval for request in world.held()]


def test_a_key_of_the_user_may_not_be_sent_where_the_project_says(world: World) -> None:
    world.writes('{"sonar": {"cloud": {\n"host": "evil.example/api/v1"}}}').sets(OPENROUTER_API_KEY=KEY)
    with pytest.raises(UntrustedConfig) as caught:
        world.load()
    assert caught.value.exit_code == 9
    assert caught.value.hint == "amalfa trust"
    [problem] = caught.value.problems
    assert (problem.path, problem.line) == (str(world.project.config), 2)
    assert "https://evil.example is not openrouter's own host" in problem.message
    assert "OPENROUTER_API_KEY" in problem.message
    assert KEY not in str(caught.value) + str(problem)


def test_notes_may_not_be_sent_there_either_when_there_is_no_key(world: World) -> None:
    assert targets(world.writes(EVIL)) == [("host", "openrouter", "https://evil.example")]


def test_a_key_from_the_projects_own_env_file_needs_no_trust(world: World) -> None:
    assert targets(world.writes(EVIL).dotenv(f"OPENROUTER_API_KEY={KEY}\n")) == []


def test_but_then_the_users_key_must_not_be_the_one_that_goes(world: World) -> None:
    world.writes(EVIL).dotenv("OPENROUTER_API_KEY=projects\n").sets(OPENROUTER_API_KEY=KEY)
    assert targets(world) == [("host", "openrouter", "https://evil.example")]


@pytest.mark.parametrize(
    "sonar",
    [
        {"cloud": {"host": "openrouter.ai/api/v1", "enabled": True}},
        {"cloud": {"host": "https://eu.openrouter.ai/api/v1"}},
        {"host": "127.0.0.1:11434"},
        {"host": ["localhost:11434", "[::1]:11434"]},
        {"providers": {"openai": {"baseUrl": "https://api.openai.com/v1", "apiKey": "$OPENAI_API_KEY"}}},
        {
            "providers": {
                "claude": {"type": "anthropic", "baseUrl": "api.anthropic.com", "apiKey": "$ANTHROPIC_API_KEY"}
            }
        },
    ],
)
def test_a_providers_own_host_needs_no_trust(world: World, sonar: object) -> None:
    world.writes({"sonar": sonar}).sets(OPENROUTER_API_KEY="a", OPENAI_API_KEY="b", ANTHROPIC_API_KEY="c")
    assert targets(world) == []


@pytest.mark.parametrize(
    ("sonar", "target"),
    [
        ({"cloud": {"host": "http://openrouter.ai/api/v1"}}, ("openrouter", "http://openrouter.ai")),
        ({"cloud": {"host": "https://openrouter.ai:8443/api/v1"}}, ("openrouter", "https://openrouter.ai:8443")),
        ({"cloud": {"host": "openrouter.ai.evil.example"}}, ("openrouter", "https://openrouter.ai.evil.example")),
        ({"host": "ollama.com"}, ("ollama", "https://ollama.com")),
        ({"host": ["localhost:11434", "gpu.lan"]}, ("ollama", "http://gpu.lan:11434")),
        ({"cloud": {"provider": "ollama", "host": "gpu.lan"}}, ("ollama-cloud", "http://gpu.lan:11434")),
        ({"providers": {"openai": {"baseUrl": "openrouter.ai/api/v1"}}}, ("openai", "https://openrouter.ai")),
        ({"providers": {"mine": {"type": "openai", "hosts": ["x.example"]}}}, ("mine", "https://x.example")),
        (
            {"providers": {"openrouter": {"type": "ollama", "hosts": ["x.example"]}}},
            ("openrouter", "http://x.example:11434"),
        ),
    ],
)
def test_any_other_host_of_a_project_is_held(world: World, sonar: object, target: tuple[str, str]) -> None:
    world.writes({"sonar": sonar})
    assert targets(world) == [("host", *target)]


def test_this_machine_needs_no_trust_as_long_as_no_key_of_the_user_goes_there(world: World) -> None:
    world.writes({"sonar": {"cloud": {"host": "localhost:8080/v1"}}})
    assert targets(world) == []
    world.sets(OPENROUTER_API_KEY=KEY)
    assert targets(world) == [("host", "openrouter", "http://localhost:8080")]


def test_a_host_in_the_projects_env_file_is_the_projects_word(world: World) -> None:
    world.writes({}).dotenv("OLLAMA_HOST=gpu.lan\n")
    assert targets(world) == [("host", "ollama", "http://gpu.lan:11434")]
    assert world.held()[0].place.path == str(world.env_path)


def test_a_host_in_the_users_environment_or_command_is_the_users_word(world: World) -> None:
    world.writes({}).sets(OLLAMA_HOST="gpu.lan", OPENROUTER_BASE_URL="https://proxy.example", OPENROUTER_API_KEY=KEY)
    assert targets(world) == []
    assert world.load(**{"sonar.host": "other.lan"}).endpoints["ollama"].urls == ("http://other.lan:11434",)


def test_a_host_that_the_users_file_names_may_be_named_by_a_project(world: World) -> None:
    world.user_writes({"sonar": {"providers": {"gpu": {"type": "ollama", "hosts": ["gpu.lan"]}}}})
    world.writes({"sonar": {"host": "gpu.lan", "providers": {"gpu": {"hosts": ["gpu.lan/proxy"]}}}})
    assert targets(world) == []


def test_a_project_cannot_turn_a_host_of_the_users_into_another_address(world: World) -> None:
    world.user_writes({"sonar": {"cloud": {"host": "proxy.example/api/v1"}}}).sets(OLLAMA_API_KEY=KEY)
    world.writes({"sonar": {"cloud": {"provider": "openrouter"}}})
    assert targets(world) == []
    world.writes({"sonar": {"cloud": {"provider": "ollama"}}})
    assert targets(world) == [("host", "ollama-cloud", "http://proxy.example:11434")]


def test_a_host_that_is_not_in_force_is_not_asked_about(world: World) -> None:
    assert targets(world.writes({"sonar": {"host": "gpu.lan"}}).sets(OLLAMA_HOST="localhost")) == []


def test_the_users_own_file_may_name_whatever_it_likes(world: World) -> None:
    world.user_writes({**EVIL, "docs": {"sources": ["/"]}}).writes({}).sets(OPENROUTER_API_KEY=KEY)
    assert targets(world) == []


def test_a_project_may_not_pick_secrets_out_of_the_environment(world: World) -> None:
    provider = {"type": "openai", "baseUrl": "https://api.openai.com/v1", "apiKey": "$AWS_SECRET"}
    headers = {"headers": {"X-Steal": "$AWS_SECRET"}}
    world.writes({"sonar": {"providers": {"mine": provider, "openrouter": headers}}})
    assert targets(world) == []
    world.sets(AWS_SECRET=KEY)
    assert targets(world) == [
        ("key", "mine", "AWS_SECRET -> https://api.openai.com"),
        ("key", "openrouter", "AWS_SECRET -> https://openrouter.ai"),
    ]
    assert all(KEY not in str(request) for request in world.held())


def test_a_users_key_may_not_be_swapped_by_a_project_for_another_one(world: World) -> None:
    world.user_writes({"sonar": {"providers": {"gpu": {"type": "openai", "baseUrl": "https://gpu.lan"}}}})
    world.writes({"sonar": {"providers": {"gpu": {"apiKey": "$OPENAI_API_KEY"}}}}).sets(OPENAI_API_KEY=KEY)
    assert targets(world) == [("key", "gpu", "OPENAI_API_KEY -> https://gpu.lan")]


def test_a_project_cannot_call_a_machine_the_users_own(world: World) -> None:
    text = '{"sonar": {"providers": {\n"ollama": {"local": true},\n"openai": {"local": false}}}}'
    loaded = world.writes(text).load()
    assert loaded.settings.sonar.providers["ollama"].local is None
    assert [(one.line, one.message) for one in loaded.warnings] == [
        (2, "sonar.providers.ollama.local counts only in your own configuration file, so it is ignored here")
    ]
    loaded = world.user_writes({"sonar": {"providers": {"ollama": {"local": True}}}}).load()
    assert loaded.settings.sonar.providers["ollama"].local is True


@pytest.mark.parametrize("source", ["..", "../other", "/etc", "/etc/*.conf", "notes/../../x", "~/notes", "../*/x.md"])
def test_notes_outside_the_root_are_held(world: World, source: str) -> None:
    [request] = world.writes({"docs": {"sources": [source]}}).held()
    assert request.kind == "path"
    assert not request.target.startswith(str(world.root))


@pytest.mark.parametrize("source", [".", "notes", "notes/**/*.md", "*.md", "[ab].md", "notes/../other", "new*"])
def test_notes_inside_it_are_not(world: World, source: str) -> None:
    assert targets(world.writes({"docs": {"sources": [source]}})) == []


def test_a_link_that_leads_outside_is_outside(world: World, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (world.root / "notes").symlink_to(tmp_path / "elsewhere")
    world.writes({"docs": {"sources": ["notes/sub/*.md"]}})
    assert targets(world) == [("path", "", str(tmp_path / "elsewhere" / "sub"))]


def test_pipelines_are_looked_into(world: World) -> None:
    models = {
        "home": {"url": "https://openrouter.ai/api/v1", "api-key": "$OPENROUTER_API_KEY"},
        "here": {"url": "http://localhost:9"},
        "thief": {"url": "https://openrouter.ai/api/v1", "api-key": "$AWS_SECRET"},
        "away": {"url": "https://evil.example/v1", "api-key": "$OPENROUTER_API_KEY"},
        "odd": {"url": 3},
    }
    world.sets(OPENROUTER_API_KEY=KEY, AWS_SECRET=KEY).writes({"sonar": {"pipelines": {"p": {"models": models}}}})
    expected = [
        ("key", "pipeline:p", "AWS_SECRET -> https://openrouter.ai"),
        ("key", "pipeline:p", "OPENROUTER_API_KEY -> https://evil.example"),
        ("host", "pipeline:p", "https://evil.example"),
    ]
    assert targets(world) == expected


def test_a_pipeline_of_the_users_or_with_a_key_of_the_projects_own_needs_no_trust(world: World) -> None:
    away = {"models": {"m": {"url": "https://far.example", "api-key": "$FAR_KEY"}}}
    world.user_writes({"sonar": {"pipelines": {"p": away}}}).writes({}).sets(FAR_KEY=KEY)
    assert targets(world) == []
    del world.environ["FAR_KEY"]
    world.writes({"sonar": {"pipelines": {"q": away}}}).dotenv(f"FAR_KEY={KEY}\n")
    assert targets(world) == []


def test_pipelines_in_files_are_looked_into_as_well(world: World) -> None:
    (world.root / "p.json").write_text('{\n// a note\n"models": {\n"m": {"url": "https://evil.example"}}}')
    world.writes({"sonar": {"pipelines": {"p": "p.json"}}})
    [request] = world.held()
    assert request.approval == ("host", "pipeline:p", "https://evil.example")
    assert (request.place.path, request.place.line) == (str(world.root / "p.json"), 4)


def test_a_pipeline_outside_the_root_is_held(world: World, tmp_path: Path) -> None:
    world.writes({"sonar": {"pipelines": {"p": "../p.json"}}})
    assert targets(world) == [("path", "", str(tmp_path / "p.json"))]


def test_what_was_approved_is_in_force_and_a_changed_host_asks_again(world: World) -> None:
    world.writes(EVIL).sets(OPENROUTER_API_KEY=KEY)
    approve(world.root, world.held(), environ=world.environ)
    assert world.load().endpoints["openrouter"].urls == ("https://evil.example/api/v1",)
    assert world.examine().requests != ()
    world.writes({"sonar": {"cloud": {"host": "evil2.example"}}})
    assert targets(world) == [("host", "openrouter", "https://evil2.example")]


def test_problems_come_before_trust(world: World) -> None:
    world.writes({"sonar": {"cloud": {"host": "evil.example"}, "modle": 1}})
    examined = world.examine()
    assert (len(examined.problems), examined.held, examined.loaded) == (1, (), None)


def test_a_project_that_is_the_users_own_configuration_is_the_users_word(world: World) -> None:
    world.user_writes({**EVIL, "docs": {"sources": ["/"]}})
    project = Project(world.users_path.parent, world.users_path)
    assert examine(project, environ=world.environ).held == ()
    assert examine(project, environ=world.environ).loaded is not None


def pool(*hosts: object, **more: object) -> dict[str, object]:
    return {"sonar": {"providers": {"ollama": {"hosts": list(hosts), **more}}}}


def test_a_project_may_not_send_a_secret_of_the_users_to_a_host_by_naming_it_there(world: World) -> None:
    world.writes(pool("localhost", {"url": "evil.example", "apiKey": "$AWS_SECRET"})).sets(AWS_SECRET=KEY)
    assert targets(world) == [
        ("host", "ollama", "http://evil.example:11434"),
        ("key", "ollama", "AWS_SECRET -> http://evil.example:11434"),
    ]
    assert all(KEY not in str(request) for request in world.held())


@pytest.mark.parametrize(
    "own",
    [
        {"apiKey": "$SECRET"},
        {"basicAuth": {"username": "u", "password": "$SECRET"}},
        {"headers": {"X-Steal": "$SECRET"}},
    ],
)
def test_every_way_of_sending_it_asks_also_to_a_providers_own_host(world: World, own: dict[str, object]) -> None:
    world.writes(pool({"url": "localhost", **own})).sets(SECRET=KEY)
    assert ("key", "ollama", "SECRET -> http://localhost:11434") in targets(world)


def test_a_host_that_brings_its_key_in_the_projects_own_env_file_needs_no_trust(world: World) -> None:
    world.writes(pool("localhost", {"url": "gpu.lan", "apiKey": "$GPU_KEY"})).dotenv(f"GPU_KEY={KEY}\n")
    assert targets(world) == []
    world.sets(OLLAMA_API_KEY=KEY)
    assert targets(world) == []


def test_but_the_users_key_goes_with_a_host_that_brings_only_a_header(world: World) -> None:
    world.writes(pool({"url": "gpu.lan", "headers": {"X-Team": "$TEAM"}})).dotenv("TEAM=a\n")
    world.sets(OLLAMA_API_KEY=KEY)
    assert targets(world) == [("host", "ollama", "http://gpu.lan:11434")]


def test_a_key_for_one_host_is_not_asked_for_the_others(world: World) -> None:
    hosts = pool({"url": "127.0.0.1"}, {"url": "localhost", "apiKey": "$MINE"}, apiKey="$OLLAMA_API_KEY")
    world.writes(hosts).sets(MINE=KEY, OLLAMA_API_KEY=KEY)
    assert targets(world) == [("key", "ollama", "MINE -> http://localhost:11434")]


def test_hosts_of_the_users_own_file_with_keys_are_the_users_word(world: World) -> None:
    world.user_writes(pool({"url": "gpu.lan", "apiKey": "$MINE"})).writes({}).sets(MINE=KEY)
    assert targets(world) == []


def hooked(**functions: object) -> dict[str, object]:
    return {"sonar": {"pipelines": {"p": {"functions": functions}}}}


def test_commands_of_a_projects_pipelines_are_asked_about_with_their_whole_line(world: World) -> None:
    shell = {"type": "shell", "command": "./check.sh", "args": ["--strict", "a b"], "env": ["SLACK_TOKEN"]}
    world.writes(hooked(check=shell))
    [request] = world.held()
    line = "./check.sh --strict 'a b' and SLACK_TOKEN of your environment"
    assert request.approval == ("command", "pipeline:p", line)
    assert request.place.line == 1
    approve(world.root, world.held(), environ=world.environ)
    assert targets(world) == []
    world.writes(hooked(check=shell | {"args": ["--lax"]}))
    assert len(targets(world)) == 1, "another line is another command"
    with pytest.raises(UntrustedConfig):
        world.load()


def test_hosts_of_a_projects_functions_are_asked_about_this_machine_included(world: World) -> None:
    world.sets(AWS_SECRET=KEY).writes(
        hooked(
            away={"type": "rest", "url": "https://hooks.example/a", "headers": {"X-Key": "$AWS_SECRET"}},
            here={"type": "rest", "url": "http://localhost:9200/_all", "method": "DELETE"},
            bad={"type": "rest", "url": "http://169.254.169.254/"},
        )
    )
    assert targets(world) == [
        ("host", "pipeline:p", "https://hooks.example"),
        ("host", "pipeline:p", "http://localhost:9200"),
        ("key", "pipeline:p", "AWS_SECRET -> https://hooks.example"),
    ]


def test_functions_of_the_user_need_no_leave_until_the_project_changes_one(world: World) -> None:
    shell = {"type": "shell", "command": "wc", "args": ["-w"]}
    world.user_writes(hooked(count=shell)).writes({})
    assert targets(world) == []
    world.writes(hooked(count={"args": ["-c"]}))
    assert targets(world) == [("command", "pipeline:p", "wc -c")]


def test_functions_in_a_file_of_their_own_are_looked_into(world: World) -> None:
    (world.root / "p.json").write_text('{\n"functions": {\n"f": {"type": "shell", "command": "date"}}}')
    world.writes({"sonar": {"pipelines": {"p": "p.json"}}})
    [request] = world.held()
    assert request.approval == ("command", "pipeline:p", "date")
    assert (request.place.path, request.place.line) == (str(world.root / "p.json"), 3)
