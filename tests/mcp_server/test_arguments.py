"""The arguments of tools, made from the types of the HTTP bodies."""

import pytest
from pydantic import Field

from amalfa.errors import UsageProblem
from amalfa.mcp.arguments import MEANINGS, arguments_of, body_of, read_arguments, underscored
from amalfa.mcp.tools import TOOLS
from amalfa.server.bodies import AskBody, Body


class Sample(Body):
    query: str = Field(min_length=2)
    allowGeneral: bool = False
    k: int = Field(default=6, ge=1, le=20)
    stream: bool = False


KIND = arguments_of("SampleArguments", Sample)


def test_names_are_underscored_and_limits_are_kept() -> None:
    properties = KIND.model_json_schema()["properties"]
    assert set(properties) == {"query", "allow_general", "k"}
    assert properties["query"]["minLength"] == 2
    assert (properties["k"]["minimum"], properties["k"]["maximum"], properties["k"]["default"]) == (1, 20, 6)
    assert properties["k"]["description"] == MEANINGS["k"]


def test_what_was_given_comes_out_as_the_http_body_and_nothing_else() -> None:
    arguments = read_arguments(KIND, {"query": "tea", "allow_general": True})
    assert body_of(arguments) == {"query": "tea", "allowGeneral": True}
    assert body_of(read_arguments(TOOLS["ask"].takes, {"question": "q", "privacy": "local-only"})) == {
        "question": "q",
        "privacy": "local-only",
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({}, "query: Field required", id="nothing"),
        pytest.param({"query": "tea", "k": 99}, "k: Input should be less than or equal to 20", id="too many"),
        pytest.param({"query": "tea", "allowGeneral": True}, "allowGeneral: Extra inputs", id="the name of the body"),
        pytest.param({"query": "tea", "stream": True}, "stream: Extra inputs", id="what the server decides"),
    ],
)
def test_wrong_arguments_are_named(given: dict[str, object], told: str) -> None:
    with pytest.raises(UsageProblem, match=r"The arguments are not valid\.") as problem:
        read_arguments(KIND, given)
    assert told in problem.value.message


def test_no_tool_lets_its_caller_widen_what_it_may_see() -> None:
    for tool in TOOLS.values():
        assert not {"without_private", "include_private", "stream", "idempotency_key"} & set(
            tool.takes.model_json_schema()["properties"]
        )


def test_every_meaning_belongs_to_a_tool() -> None:
    taken = {name for tool in TOOLS.values() for name in tool.takes.model_fields}
    assert taken == set(MEANINGS)


def test_each_argument_of_a_question_is_a_field_of_the_body() -> None:
    assert set(TOOLS["ask"].takes.model_fields) < set(AskBody.model_fields)
    assert underscored("maxCostUsd") == "max_cost_usd"
