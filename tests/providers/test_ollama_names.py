"""Which spellings of a model's name mean the same."""

import pytest

from amalfa.providers.ollama_names import full_name, is_cloud_name, is_hosted


@pytest.mark.parametrize(
    "name",
    ["llama3", "LLAMA3", " llama3 ", "llama3:latest", "library/llama3", "registry.ollama.ai/library/llama3:latest"],
)
def test_defaults_case_and_blanks_do_not_matter(name: str) -> None:
    assert full_name(name) == "llama3:latest"


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("qwen2.5:1.5b", "qwen2.5:1.5b"),
        ("user/x:7B", "user/x:7b"),
        ("hf.co/user/repo:Q4_K_M", "hf.co/user/repo:q4_k_m"),
        ("localhost:5000/team/x", "localhost:5000/team/x:latest"),
    ],
)
def test_namespaces_hosts_and_tags_stay(name: str, full: str) -> None:
    assert full_name(name) == full


@pytest.mark.parametrize(
    ("name", "is_cloud"),
    [
        ("gpt-oss:120b-cloud", True),
        ("gpt-oss:cloud", True),
        ("GPT-OSS:120B-CLOUD", True),
        ("x:7b:cloud", True),
        ("my-cloud", False),
        ("cloudy:latest", False),
        ("qwen2.5:1.5b", False),
    ],
)
def test_a_cloud_is_known_by_the_tag(name: str, is_cloud: bool) -> None:
    assert is_cloud_name(name) is is_cloud


@pytest.mark.parametrize(
    ("url", "hosted"),
    [
        ("https://ollama.com", True),
        ("https://eu.ollama.com", True),
        ("https://notollama.com", False),
        ("http://x", False),
    ],
)
def test_ollamas_own_cloud_is_known_by_its_host(url: str, hosted: bool) -> None:
    assert is_hosted(url) is hosted
