import pytest

from amalfa.config.problems import MAX_PROBLEMS, suggestion
from amalfa.errors import InvalidConfig, Problem
from tests.config.world import KEY, World


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sonar": {"modle": "x"}}, 'unknown key sonar.modle; did you mean "model"?'),
        ({"soner": {}}, 'unknown key soner; did you mean "sonar"?'),
        ({"cloud": {}}, 'unknown key cloud; did you mean "sonar.cloud"?'),
        ({"modelPriority": []}, 'unknown key modelPriority; did you mean "sonar.modelPriority"?'),
        ({"sonar": {"tasks": {"synthesise": {}}}}, 'unknown key sonar.tasks.synthesise; did you mean "synthesize"?'),
        (
            {"sonar": {"tasks": {"chat": {"maxtokens": 1}}}},
            'unknown key sonar.tasks.chat.maxtokens; did you mean "maxTokens"?',
        ),
        ({"sonar": {"zzz": 1}}, "unknown key sonar.zzz"),
        ({"sonar": 1}, "sonar must be an object {…}"),
        ({"sonar": {"model": 1}}, "sonar.model must be text"),
        ({"sonar": {"model": " "}}, "sonar.model must not be empty"),
        ({"sonar": {"model": "a\u0000b"}}, "sonar.model holds a control character"),
        ({"sonar": {"model": "a" * 5000}}, "sonar.model is too long"),
        ({"sonar": {"model": None}}, "sonar.model must be text"),
        ({"sonar": {"enabled": "true"}}, "sonar.enabled must be true or false"),
        ({"sonar": {"enabled": 1}}, "sonar.enabled must be true or false"),
        ({"sonar": {"cloud": {"enabled": "yes"}}}, 'sonar.cloud.enabled must be true, false or "auto"'),
        ({"sonar": {"cloud": {"enabled": 1}}}, 'sonar.cloud.enabled must be true, false or "auto"'),
        (
            {"sonar": {"cloud": {"mode": "teired"}}},
            'sonar.cloud.mode must be one of replace, tiered; did you mean "tiered"',
        ),
        ({"sonar": {"host": []}}, "sonar.host must not be empty"),
        ({"sonar": {"host": [1]}}, "sonar.host[0] must be text"),
        ({"sonar": {"host": {}}}, "sonar.host must be a list"),
        ({"sonar": {"modelPriority": "a"}}, "sonar.modelPriority must be a list"),
        ({"sonar": {"tasks": {"chat": {"timeout": 0}}}}, "sonar.tasks.chat.timeout must be more than 0"),
        ({"sonar": {"tasks": {"chat": {"temperature": 3}}}}, "sonar.tasks.chat.temperature must be at most 2"),
        ({"sonar": {"tasks": {"chat": {"temperature": True}}}}, "sonar.tasks.chat.temperature must be a number"),
        ({"sonar": {"tasks": {"chat": {"maxTokens": 1.5}}}}, "sonar.tasks.chat.maxTokens must be a whole number"),
        (
            {"sonar": {"tasks": {"chat": {"tier": "cluod"}}}},
            'sonar.tasks.chat.tier must be one of embedded, local, cloud; did you mean "cloud"',
        ),
        (
            {"sonar": {"http": {"host": "0.0.0.0"}}},
            "sonar.http.host must be this machine: 127.0.0.1, ::1 or localhost",
        ),
        ({"sonar": {"http": {"port": 70000}}}, "sonar.http.port must be at most 65535"),
        ({"sonar": {"routing": {"chain": "a"}}}, "sonar.routing.chain must be a list"),
        ({"sonar": {"routing": {"chain": [{"temperature": 1}]}}}, "sonar.routing.chain[0].model is missing"),
        (
            {"sonar": {"routing": {"hints": {"x": "prefer_slow"}}}},
            "sonar.routing.hints.x must be one of prefer_local, prefer_quality, prefer_fast, prefer_cheap",
        ),
        ({"sonar": {"privacy": {"redact": ["("]}}}, "sonar.privacy.redact[0] is not a valid regular expression"),
        (
            {"sonar": {"pipelines": {"a": 1}}},
            "sonar.pipelines.a must be a pipeline object or the path of a file that holds one",
        ),
        ({"sonar": {"catalog": {"a/b": {"quality": 2}}}}, 'sonar.catalog["a/b"].quality must be at most 1'),
        (
            {"sonar": {"providers": {"a b": {"type": "openai"}}}},
            'sonar.providers["a b"] cannot be the name of a provider',
        ),
        (
            {"sonar": {"providers": {"embedded": {"type": "openai"}}}},
            "sonar.providers.embedded cannot be the name of a provider",
        ),
        (
            {"sonar": {"providers": {"x": {}}}},
            "sonar.providers.x needs a type: ollama, openrouter, openai or anthropic",
        ),
        ({"sonar": {"providers": {"x": {"type": "openai"}}}}, "sonar.providers.x needs hosts or a baseUrl"),
        (
            {"sonar": {"providers": {"openai": {"basicAuth": {"username": "u"}}}}},
            "sonar.providers.openai.basicAuth.password is missing",
        ),
        (
            {"sonar": {"providers": {"openai": {"headers": {"Host": "x"}}}}},
            "sonar.providers.openai.headers.Host is not a header that may be set",
        ),
        (
            {"sonar": {"cloud": {"provider": "ollama"}}},
            "sonar.cloud.provider is ollama, so sonar.cloud.host must name your server",
        ),
        ({"sonar": {"providers": {"openai": {"apiKey": 1}}}}, "sonar.providers.openai.apiKey must be text, best"),
        ({"docs": {"sources": []}}, "docs.sources must not be empty"),
        ({"$schema": 1, "docs": {"x": 1}}, "unknown key docs.x"),
        ([], "the configuration must be an object"),
    ],
)
def test_each_slip_has_a_sentence_of_its_own(world: World, config: object, message: str) -> None:
    found = [text for _, text in world.writes(config).problems()]
    assert len(found) == 1
    assert found[0].startswith(message)


def test_all_problems_of_all_files_come_at_once_in_order_of_line(world: World) -> None:
    world.user_writes('{\n"sonar": {"modle": 1}}')
    world.writes(
        '{\n"sonar": {\n"host": NaN,\n"enabled": "x",\n"cloud": {\n"mode":\n"y"}},\n"dosc": 1,\n"sonar": {}\n}'
    )
    found = world.examine().problems
    assert [(problem.path, problem.line) for problem in found] == [
        *[(str(world.project.config), line) for line in (3, 4, 6, 8, 9)],
        (str(world.users_path), 2),
    ]


def test_the_line_of_a_missing_key_is_that_of_its_object(world: World) -> None:
    text = '{"sonar": {"providers": {"openai": {\n"basicAuth": {\n"username": "u"}}}}}'
    assert world.writes(text).problems() == [(2, "sonar.providers.openai.basicAuth.password is missing")]


def test_a_wrong_value_hidden_by_a_stronger_source_is_still_told(world: World) -> None:
    world.user_writes({"sonar": {"model": 1}}).writes({"sonar": {"model": "x"}})
    assert [problem.path for problem in world.examine().problems] == [str(world.users_path)]


def test_no_problem_repeats_a_value(world: World) -> None:
    wrong = {
        "docs": {"watch": KEY},
        "sonar": {
            "host": f"user:{KEY}@h",
            "cloud": {"mode": KEY, "enabled": KEY},
            "privacy": {"redact": [f"({KEY}"]},
            "providers": {"openai": {"apiKey": f"{KEY}\n", "headers": {"X": f"{KEY}ü"}, "rpm": KEY, "local": KEY}},
        },
    }
    with pytest.raises(InvalidConfig) as caught:
        world.writes(wrong).load()
    assert len(caught.value.problems) >= 6
    assert KEY not in str([caught.value, caught.value.problems, caught.value.hint])
    assert KEY not in str(world.writes(f'{{"sonar": {{"providers": {{"openai": {{"apiKey": {KEY}}}}}}}}}').problems())


def test_a_file_full_of_slips_is_answered_in_time_with_the_first_ones(world: World) -> None:
    world.writes({f"unknown{number}": 1 for number in range(40_000)})
    assert len(world.problems()) == MAX_PROBLEMS


def test_the_error_counts_its_problems_and_names_the_first(world: World) -> None:
    with pytest.raises(InvalidConfig) as caught:
        world.writes('{"a": 1,\n"b": 2, "c": 3}').load()
    assert caught.value.problems[0] == Problem(str(world.project.config), 1, "unknown key a")
    assert str(caught.value.problems[0]) in caught.value.message
    assert "and 2 more" in caught.value.message
    assert "amalfa config check" in caught.value.hint


def test_a_suggestion_ignores_case_and_is_left_out_when_nothing_is_near() -> None:
    assert suggestion("MODEL", ["model", "host"]) == '; did you mean "model"?'
    assert suggestion("xyz", ["model", "host"]) == ""
