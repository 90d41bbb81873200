"""Reading pipelines: the lineage's format, layers and models by inheritance, and every mistake with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.jsonc import read_json
from amalfa.config.origins import sourced_file
from amalfa.pipelines.reading import read_pipeline, read_pipeline_text
from tests.pipelines.house import TOPICS, pipeline_of, read, refined

LINEAGE = """{
  "models": { "router-gemma": {"type": "external", "interface": "openai-api", "url": "https://openrouter.ai/api/v1",
                               "api-key": "$OPENROUTER_API_KEY"} },
  "architecture": [
    {"name": "router", "layer": 0, "model": "router-gemma", "adapter": "openai-api", "bind-addr": "0.0.0.0",
     "bind-port": "8080", "output-to": [1], "extra-options": {"model_override": "google/gemma-3-27b-it:free"}},
    {"name": "one", "layer": 1, "model": "router-gemma", "use-case": "One", "if": "$WORD_COUNT < 10",
     "output-to": ["output"], "extra-options": {"model_override": "qwen/qwen3-coder:free"}},
    {"name": "two", "layer": 1, "use-case": "Two", "output-to": ["output"]},
    {"name": "output", "adapter": "output"}
  ]
}"""


def messages(text: str) -> list[str]:
    return [f"{problem.line}: {problem.message}" for problem in read(text)[1]]


def test_the_format_of_old_files_is_read() -> None:
    document = read_json(LINEAGE, name="x.json").root
    assert document is not None
    sourced = sourced_file(document, kind="project", path="x.json")
    pipeline, problems = read_pipeline("team", sourced, providers={"router-gemma": "openrouter"})
    assert problems == ()
    assert pipeline is not None
    router, one, two, output = pipeline.nodes
    assert [node.kind for node in pipeline.nodes] == ["router", "answer", "answer", "output"]
    assert router.model == "openrouter:google/gemma-3-27b-it:free"
    assert router.output_to == ("one", "two")
    assert router.ignored_keys == ("bind-addr", "bind-port")
    assert two.model == one.model == "openrouter:qwen/qwen3-coder:free", "a node without a model takes its layer's"
    assert one.condition is not None
    assert one.condition.text == "$WORD_COUNT < 10"
    assert output.kind == "output"
    assert pipeline.entry is router


def test_a_key_never_shows() -> None:
    pipeline, _ = read(LINEAGE.replace("$OPENROUTER_API_KEY", "sk-or-v1-0123456789abcdef"))
    assert "0123456789" not in repr(pipeline)


def test_the_content_changes_with_every_edit_but_not_with_comments() -> None:
    first = pipeline_of(TOPICS)
    assert pipeline_of(TOPICS.replace("// two", "// 2")).content == first.content
    assert pipeline_of(TOPICS.replace("slogans", "songs")).content != first.content


def test_a_file_without_an_output_ends_where_nodes_lead_nowhere() -> None:
    pipeline = pipeline_of('{"architecture": [{"name": "a", "layer": 0, "model": "ollama:a"}]}')
    assert [node.name for node in pipeline.targets(pipeline.entry)] == ["output"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"use-case": "Stories', '"use-csae": "Stories', 'unknown key use-csae; did you mean "use-case"?'),
        ('"layer": 0, ', "", "layer is missing"),
        ('"layer": 0', '"layer": "zero"', "layer must be a number"),
        ('"adapter": "openai-api"', '"adapter": "ws"', "ws is not supported"),
        ('"adapter": "openai-api"', '"merge": "glue"', "merge must be one of"),
        ('"model": "ollama:router"', '"model": "router"', "which models does not list"),
        ('"adapter": "openai-api"', '"if": "$WORDS < 3"', "which is no variable"),
        ('"adapter": "openai-api"', '"if": ""', "if is empty"),
        ('"adapter": "openai-api"', '"timeout": -1', "timeout must be from"),
        ('"adapter": "openai-api"', '"default": "yes"', "default must be true or false"),
        ('"name": "technical-handler"', '"name": "creative-handler"', "the name of another node"),
        ('"name": "router", ', "", "name is missing"),
        ('"output-to": [1]', '"output-to": [true]', "numbers of layers and names of nodes"),
        ('"architecture"', '"architecure"', 'did you mean "architecture"?'),
    ],
)
def test_each_mistake_is_told(before: str, after: str, told: str) -> None:
    assert any(told in message for message in messages(TOPICS.replace(before, after, 1)))


def test_all_mistakes_are_told_at_once_with_their_lines() -> None:
    wrong = TOPICS.replace('"layer": 0', '"layer": -1').replace('"use-case": "Code', '"usecase": "Code')
    assert [message.split(":")[0] for message in messages(wrong)] == ["4", "7"]


def test_the_text_of_a_file_brings_the_problems_of_its_json_along() -> None:
    pipeline, problems = read_pipeline_text("x", '{"architecture": [}', path="x.json")
    assert pipeline is None
    assert problems[0].path == "x.json"


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["name", "layer", "model", "output-to", "if", "hooks", "adapter", "fan-out", "x"]),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@given(models=json_values, nodes=json_values, functions=json_values)
def test_whatever_stands_in_a_file_reading_and_checking_never_fail(
    models: object, nodes: object, functions: object
) -> None:
    import json

    from amalfa.pipelines.check import find_problems

    text = json.dumps({"models": models, "architecture": nodes, "functions": functions})
    pipeline, problems = read_pipeline_text("x", text, path="x.json")
    assert pipeline is not None or problems
    if pipeline is not None:
        find_problems(pipeline)


def test_a_refinement_layer_is_found_by_its_number() -> None:
    assert pipeline_of(refined()).node("creative-handler").output_to == ("editor",)  # type: ignore[union-attr]  # it is there
