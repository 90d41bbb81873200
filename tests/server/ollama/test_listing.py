"""`GET /api/tags`, `POST /api/show`, `GET /api/version` and what is not offered."""

import pytest
from ollama import Client, ResponseError

from amalfa import __version__
from tests.server.ollama.conftest import MODEL, Served


def test_the_list_has_the_policy_the_tasks_the_pipelines_and_the_installed_models(
    client: Client, port_client: Client
) -> None:
    for one in (client, port_client):
        names = [model.model for model in one.list().models]
        assert names[0] == "amalfa"
        assert {"amalfa/chat", "amalfa/extract", "pipeline:plain", MODEL, "llama3:latest"} <= set(names)
        assert "embedded:extractive" in names
        assert not any("openrouter" in (name or "") for name in names), "no model of a cloud"


async def test_the_asynchronous_client_lists_too(served: Served) -> None:
    async with served.async_client() as client:
        assert (await client.list()).models


def test_an_installed_model_is_listed_with_what_is_known_of_it(client: Client) -> None:
    (found,) = [model for model in client.list().models if model.model == MODEL]
    assert found.size
    assert len(found.digest or "") == 64
    assert found.details is not None
    assert found.details.family
    assert found.details.quantization_level


def test_every_entry_has_every_field_with_neutral_values_for_what_is_unknown(served: Served) -> None:
    with served.raw() as raw:
        models = raw.get("/api/tags").json()["models"]
    for model in models:
        assert model["name"] == model["model"]
        assert set(model) >= {"modified_at", "size", "digest", "details"}
        assert set(model["details"]) >= {"format", "family", "families", "parameter_size", "quantization_level"}
    house = models[0]
    assert (house["size"], house["digest"], house["details"]["families"]) == (0, "", [])
    assert house["modified_at"] == "0001-01-01T00:00:00Z"


def test_every_name_of_the_list_can_be_shown(client: Client) -> None:
    for model in client.list().models:
        assert "completion" in (client.show(model.model or "").capabilities or ()) or "embed" in (model.model or "")


def test_an_installed_model_is_shown_with_its_details(client: Client) -> None:
    shown = client.show("llama3")
    assert shown.details is not None
    assert shown.details.family == "llama"
    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.context_length"] == 32768
    assert "tools" in (shown.capabilities or ())


@pytest.mark.parametrize(
    ("name", "words"),
    [("amalfa", "chooses one for each request"), ("amalfa/chat:latest", "chat"), ("pipeline:plain", "pipeline")],
)
def test_what_is_no_single_model_says_so(client: Client, name: str, words: str) -> None:
    shown = client.show(name)
    assert shown.modelinfo is not None
    assert words in shown.modelinfo["general.description"]


@pytest.mark.parametrize("name", ["nope", "amalfa/nope", "openrouter:nobody/nothing", "pipeline:nope"])
def test_a_model_that_nobody_knows_is_not_found(client: Client, name: str) -> None:
    with pytest.raises(ResponseError, match="not found") as caught:
        client.show(name)
    assert caught.value.status_code == 404


def test_the_older_name_of_the_field_is_understood(served: Served) -> None:
    with served.raw() as raw:
        assert raw.post("/api/show", json={"name": "amalfa"}).status_code == 200
        assert "model is required" in raw.post("/api/show", json={}).json()["error"]


def test_the_version_reads_as_one(served: Served) -> None:
    with served.raw() as raw:
        told = raw.get("/api/version").json()["version"]
        assert raw.head("/api/version").status_code == 200
    assert told == __version__
    assert all(part.isdigit() for part in told.split("."))


def test_clients_that_look_whether_anybody_is_there_find_somebody(served: Served) -> None:
    with served.raw() as raw:
        assert raw.get("/").text == "Sonar is running"
        assert raw.head("/").status_code == 200


def test_what_is_not_offered_is_refused_in_ollamas_shape(client: Client) -> None:
    for ask in (client.ps, lambda: client.pull("llama3"), lambda: client.delete("llama3")):
        with pytest.raises(ResponseError, match="There is no /api/") as caught:
            ask()
        assert caught.value.status_code == 404
