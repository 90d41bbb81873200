from amalfa.config.jsonc import read_json
from amalfa.config.keys import KeyFound, Surroundings
from amalfa.config.layers import read_files, stack_layers
from amalfa.config.loaded import show
from tests.config.world import KEY, World


def found(world: World, provider: str = "openrouter") -> tuple[str, str] | None:
    loaded = world.examine().loaded
    assert loaded is not None
    key = loaded.keys.for_provider(provider)
    return (key.secret.reveal(), str(key.origin)) if key else None


def test_each_known_provider_has_its_variable(world: World) -> None:
    world.writes({}).sets(OPENAI_API_KEY="a", ANTHROPIC_API_KEY="b", OLLAMA_API_KEY="c", OPENROUTER_API_KEY="d")
    names = ("openai", "anthropic", "ollama", "openrouter")
    assert [found(world, name) for name in names] == [
        ("a", "environment OPENAI_API_KEY"),
        ("b", "environment ANTHROPIC_API_KEY"),
        ("c", "environment OLLAMA_API_KEY"),
        ("d", "environment OPENROUTER_API_KEY"),
    ]


def test_the_process_beats_the_env_file_and_empty_is_unset(world: World) -> None:
    world.writes({}).dotenv("\nOPENROUTER_API_KEY=from-dotenv\n")
    assert found(world) == ("from-dotenv", f"{world.env_path}:2 OPENROUTER_API_KEY")
    assert found(world.sets(OPENROUTER_API_KEY="from-process")) == ("from-process", "environment OPENROUTER_API_KEY")
    assert found(world.sets(OPENROUTER_API_KEY="  ")) == ("from-dotenv", f"{world.env_path}:2 OPENROUTER_API_KEY")


def test_a_reference_replaces_the_usual_variable_and_is_looked_up_in_both_places(world: World) -> None:
    world.sets(OPENROUTER_API_KEY="usual").dotenv("WORK_KEY=from-dotenv\n")
    world.user_writes({"sonar": {"providers": {"openrouter": {"apiKey": "$WORK_KEY"}}}}).writes({})
    assert found(world) == ("from-dotenv", f"{world.env_path}:1 WORK_KEY")
    assert found(world.sets(WORK_KEY="from-process")) == ("from-process", "environment WORK_KEY")


def test_a_reference_to_nothing_is_no_key_and_a_warning(world: World) -> None:
    world.sets(OPENROUTER_API_KEY="usual").writes({"sonar": {"providers": {"openrouter": {"apiKey": "$NOT_SET"}}}})
    assert found(world) is None
    assert world.warnings() == ["sonar.providers.openrouter.apiKey names $NOT_SET, which is not set"]


def test_a_key_written_in_the_users_file_counts_unless_its_variable_is_set(world: World) -> None:
    world.user_writes('{\n"sonar": {"providers": {"openrouter": {\n"apiKey": "written-there"}}}}').writes({})
    assert found(world) == ("written-there", f"{world.users_path}:3")
    assert found(world.sets(OPENROUTER_API_KEY="variable")) == ("variable", "environment OPENROUTER_API_KEY")


def test_a_provider_of_ones_own_gets_no_key_it_did_not_name(world: World) -> None:
    own = {"vllm": {"type": "openai", "baseUrl": "http://gpu:8000/v1"}}
    world.sets(OPENAI_API_KEY=KEY).user_writes({"sonar": {"providers": own}}).writes({})
    assert found(world, "vllm") is None


def test_logins_and_headers_are_resolved_too(world: World) -> None:
    provider = {
        "basicAuth": {"username": "me", "password": "$PASS"},
        "headers": {"X-Team": "$TEAM", "X-Title": "mine", "X-None": "$NONE"},
    }
    world.user_writes({"sonar": {"providers": {"ollama": provider}}}).writes({}).sets(PASS="p", TEAM="t")
    keys = world.load().keys
    login = keys.login_for("ollama")
    assert login is not None
    assert (login.username, login.password.secret.reveal()) == ("me", "p")
    assert {name: one.secret.reveal() for name, one in keys.headers_for("ollama").items()} == {
        "X-Team": "t",
        "X-Title": "mine",
    }
    assert keys.login_for("openai") is None
    assert keys.headers_for("openai") == {}
    assert {secret.reveal() for secret in keys.secrets()} == {"p", "t", "mine"}


def test_a_key_no_header_can_carry_is_not_used_and_not_shown(world: World) -> None:
    world.writes({}).sets(OPENROUTER_API_KEY=f"{KEY}\nx-evil: 1")
    assert found(world) is None
    assert len(world.warnings()) == 1
    assert KEY not in world.warnings()[0]


def test_a_rotated_key_is_another_configuration(world: World) -> None:
    world.writes({}).dotenv("OPENROUTER_API_KEY=old\n")
    old = world.load()
    new = world.dotenv("OPENROUTER_API_KEY=new\n").load()
    assert found(world) == ("new", f"{world.env_path}:1 OPENROUTER_API_KEY")
    assert old.fingerprint != new.fingerprint
    assert isinstance(new.env_values["OPENROUTER_API_KEY"], KeyFound)


def test_nothing_on_the_way_shows_a_key_either(world: World) -> None:
    provider = {"apiKey": KEY}
    world.user_writes({"sonar": {"providers": {"openai": provider}}}).writes({})
    world.dotenv(f"OPENROUTER_API_KEY={KEY}\nOLLAMA_HOST={KEY}\n").sets(OPENAI_API_KEY=KEY)
    files = read_files(world.project, world.environ)
    layers = stack_layers(files, world.environ, ())
    document = read_json(files.users.text or "", name="f")
    surroundings = Surroundings(world.environ, layers.env_file, "")
    assert KEY not in repr((files, layers, document, surroundings, layers.merged()))


def test_nothing_loaded_shows_a_key(world: World) -> None:
    provider = {"apiKey": "$MINE", "basicAuth": {"username": "u", "password": KEY}, "headers": {"X-Key": KEY}}
    world.user_writes({"sonar": {"providers": {"openai": provider}}}).writes({})
    world.dotenv(f"OPENROUTER_API_KEY={KEY}\n").sets(MINE=KEY)
    examined = world.examine()
    assert examined.loaded is not None
    assert KEY not in repr(examined)
    assert KEY not in str(examined.loaded.keys.secrets())


def pool(*hosts: object, **more: object) -> dict[str, object]:
    return {"sonar": {"providers": {"ollama": {"hosts": list(hosts), **more}}}}


def test_a_host_of_its_own_is_sent_its_own_key_and_the_others_that_of_the_provider(world: World) -> None:
    hosts = [
        "gpu1",
        {"url": "gpu2", "apiKey": "$GPU2", "headers": {"x-team": "two"}},
        {"url": "gpu3", "basicAuth": {"username": "me", "password": "$PASS"}},
        {"url": "gpu4", "headers": {"X-Rack": "$RACK"}},
    ]
    world.user_writes(pool(*hosts, apiKey="$SHARED", headers={"X-Team": "all"})).writes({})
    world.sets(SHARED="shared", GPU2="second", PASS="p", RACK="r")
    keys = world.load().keys
    sent = {n: sorted(k.secret.reveal() for k in keys.sent_to("ollama", f"http://gpu{n}:11434")) for n in "1234"}
    assert sent == {"1": ["all", "shared"], "2": ["second", "two"], "3": ["all", "p"], "4": ["all", "r", "shared"]}
    assert {one.reveal() for one in keys.secrets()} == {"shared", "second", "two", "p", "r", "all"}


def test_a_host_whose_own_key_is_not_set_is_not_sent_the_key_of_the_others(world: World) -> None:
    world.user_writes(pool({"url": "gpu", "apiKey": "$NOT_SET"}, apiKey="$SHARED")).writes({}).sets(SHARED="shared")
    assert world.load().keys.sent_to("ollama", "http://gpu:11434") == ()
    assert world.warnings() == ["sonar.providers.ollama.hosts[0].apiKey names $NOT_SET, which is not set"]


def test_keys_of_hosts_are_not_shown_either(world: World) -> None:
    host = {
        "url": "gpu",
        "apiKey": KEY,
        "basicAuth": {"username": "u", "password": KEY},
        "headers": {"X-Key": KEY, "X-Title": "mine"},
    }
    world.user_writes(pool(host)).writes({})
    examined = world.examine()
    assert examined.loaded is not None
    assert KEY not in repr(examined)
    assert KEY not in repr([(one.key, one.value) for one in show(examined.loaded)])


def test_a_key_of_a_host_that_others_can_read_is_a_problem(world: World) -> None:
    world.writes(pool({"url": "localhost", "apiKey": KEY}))
    [(_, message)] = world.problems()
    assert message.startswith("sonar.providers.ollama.hosts[0].apiKey holds a key that other users can read")


def test_plain_hosts_are_shown_as_they_are_written(world: World) -> None:
    world.user_writes(pool("gpu1", {"url": "gpu2"})).writes({})
    shown = {one.key: one.value for one in show(world.load())}
    assert shown["sonar.providers.ollama.hosts"] == ["gpu1", "gpu2"]


def test_a_rotated_key_of_a_host_is_another_configuration(world: World) -> None:
    world.user_writes(pool({"url": "gpu", "apiKey": "$GPU"})).writes({}).dotenv("GPU=old\n")
    old = world.load().fingerprint
    assert world.dotenv("GPU=new\n").load().fingerprint != old
