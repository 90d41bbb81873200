"""Models in words."""

from typing import Any

import pytest

from amalfa.cli.models_text import done_text, dry_run_text, model_page, models_table, readable
from amalfa.client.document import Document

LOCAL: dict[str, Any] = {
    "name": "ollama:qwen2.5:1.5b",
    "provider": "ollama",
    "model": "qwen2.5:1.5b",
    "tier": "local",
    "named": True,
    "installed": True,
    "forwarded": False,
    "size_bytes": 986_061_892,
    "parameter_size": "1.5B",
    "quantization": "Q4_K_M",
    "family": "qwen2",
    "context_tokens": 32768,
    "capabilities": ["completion", "tools"],
    "running": 2,
    "hosts": [
        {"url": "http://gpu1:11434", "size_bytes": 986_061_892, "loaded": None, "running": 0},
        {
            "url": "http://gpu2:11434",
            "size_bytes": 986_061_892,
            "loaded": {
                "window_tokens": 8192,
                "size_bytes": 1_200_000_000,
                "vram_bytes": 900_000_000,
                "expires_at": "2319-01-01T00:00:00Z",
            },
            "running": 2,
        },
    ],
    "price": {"input_usd": 0.0, "output_usd": 0.0},
    "quality": 0.4,
    "has_json": True,
}
CLOUD: dict[str, Any] = {
    "name": "openrouter:qwen/qwen-2.5-72b-instruct",
    "tier": "cloud",
    "installed": None,
    "hosts": [],
    "price": {"input_usd": 0.12, "output_usd": 0.39},
    "context_tokens": 131072,
    "quality": None,
}
MISSING: dict[str, Any] = {
    "name": "ollama:phi3:mini",
    "model": "phi3:mini",
    "tier": "local",
    "installed": False,
    "hosts": [],
}


def test_the_table_has_one_line_for_each_model() -> None:
    lines = models_table([Document(one) for one in (LOCAL, CLOUD, MISSING)], width=140).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "model tier size USD/M in, out context quality where",
        "ollama:qwen2.5:1.5b local 986 MB, 1.5B free 32,768 0.40 loaded at gpu2:11434, 2 calls running",
        "openrouter:qwen/qwen-2.5-72b-instruct cloud 0.12, 0.39 131,072",
        "ollama:phi3:mini local not installed",
    ]


def test_a_model_that_is_not_loaded_is_said_to_be_installed_there() -> None:
    cold = LOCAL | {"hosts": LOCAL["hosts"][:1], "running": 0}
    assert models_table([Document(cold)], width=140).endswith("installed at gpu1:11434")


def test_the_page_of_a_model_tells_everything_there_is() -> None:
    assert model_page(Document(LOCAL)).splitlines() == [
        "model     ollama:qwen2.5:1.5b",
        "tier      local",
        "size      986 MB, 1.5B",
        "kind      qwen2 Q4_K_M",
        "can do    completion, tools",
        "context   32,768",
        "price     free",
        "quality   0.40",
        "in use    2 calls",
        "at        gpu1:11434, not in memory",
        "at        gpu2:11434, in memory, 1.2 GB, 900 MB of it on the GPU, window of 8,192 tokens, stays there",
    ]
    assert "price     unknown" in model_page(Document({"name": "x", "price": None}))
    assert model_page(Document(MISSING)).endswith("at        not installed; amalfa models pull phi3:mini")


def test_a_dry_run_tells_what_would_happen_and_what_speaks_against_it() -> None:
    refusal = {"code": "busy", "message": "m is in use by 1 calls.", "hint": "add --force"}
    told = {"does": ["m would be taken out of memory."], "warnings": ["It is tight."], "refusal": refusal}
    assert dry_run_text(Document(told)).splitlines() == [
        "m would be taken out of memory.",
        "Warning: It is tight.",
        "It would be refused: m is in use by 1 calls.",
        "Fix: add --force",
    ]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"action": "load", "pushed_out": ["b"]}, "m is in memory at u. Ollama may have taken out b to make room."),
        ({"action": "unload"}, "m leaves memory at u."),
        ({"action": "pull"}, "m is installed at u."),
        ({"action": "load", "changes": False, "does": ["m is in memory already."]}, "m is in memory already."),
    ],
)
def test_what_was_done_is_told_in_a_sentence(told: dict[str, object], text: str) -> None:
    assert done_text(Document({"model": "m", "hosts": ["u"], "changes": True} | told)) == text


def test_names_that_play_tricks_stay_on_their_line() -> None:
    assert "\x1b" not in models_table([Document({"name": "a\x1b[2K\nb", "tier": "local"})], width=140)
    assert len(models_table([Document({"name": "a\nb", "tier": "local"})], width=140).splitlines()) == 2


@pytest.mark.parametrize(("size", "text"), [(986_061_892, "986 MB"), (4_700_000_000, "4.7 GB"), (1000, "0 MB")])
def test_sizes_are_told_in_powers_of_ten(size: int, text: str) -> None:
    assert readable(size) == text
