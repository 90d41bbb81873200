"""Vectors beside words: an embedding model is used when one is named, and missed by nobody when it is away."""

import json

from tests.system.harness import Home, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import running_in_thread


def test_notes_are_embedded_once_and_searching_goes_on_without_the_model(home: Home) -> None:
    with running_in_thread(OllamaSimulator(models=["qwen2.5:1.5b", "nomic-embed-text:latest"])) as ollama:
        simulator = ollama.simulator
        home.write_config(
            {"docs": {"embeddings": "ollama:nomic-embed-text"}, "sonar": {"host": f"127.0.0.1:{ollama.port}"}}
        )
        home.start()
        wait_until(lambda: simulator.requests_to("/api/embed"))
        (embedded,) = [json.loads(request.body)["input"] for request in simulator.requests_to("/api/embed")]
        assert any("vinegar" in text for text in embedded)

        found = home.json("search", "vinegar")
        assert found[0]["path"] == "guide.md"
        asked = json.loads(simulator.requests_to("/api/embed")[-1].body)["input"]
        assert asked == ["vinegar"], "the question is embedded; the unchanged note is not embedded again"

        ollama.stop()
        assert home.json("search", "vinegar")[0]["path"] == "guide.md"
