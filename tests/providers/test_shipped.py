"""What is shipped about well-known models is well formed and says where it stops."""

import json

from amalfa.calls import Price
from amalfa.providers.model_facts import Facts
from amalfa.providers.shipped import SHIPPED, read_shipped


def test_every_row_makes_sense() -> None:
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert set(content["models"]) == {"local", "openrouter", "openai", "anthropic"}
    for rows in content["models"].values():
        for name, row in rows.items():
            assert row.keys() <= {"quality", "price", "context", "json"}, name
            assert 0 < row["quality"] < 1, name
            assert row.get("context", 1) > 0, name
            assert all(price > 0 for price in row.get("price", ())), name


def test_the_scale_and_the_sources_are_explained_in_the_file() -> None:
    told = " ".join(json.loads(SHIPPED.read_text(encoding="utf-8"))["about"])
    assert "Amalfa's own rough scale" in told
    assert "USD per million tokens" in told


def test_models_of_ones_own_have_no_price_and_the_defaults_are_known() -> None:
    shipped = read_shipped()
    assert all(shipped.facts("local", name).price is None for name in shipped.models("local"))
    assert shipped.facts("local", "qwen2.5:1.5b").quality is not None
    assert shipped.facts("openrouter", "qwen/qwen-2.5-72b-instruct").quality is not None
    assert shipped.facts("openai", "gpt-4") == Facts(Price(30, 60), 0.82, 8192, False)
    assert shipped.facts("openai", "gpt-9") == Facts()


def test_a_bigger_model_of_a_family_is_a_better_one() -> None:
    shipped = read_shipped()
    sizes = ("0.5b", "1.5b", "3b", "7b", "14b", "32b", "72b")
    qualities = [shipped.facts("local", f"qwen2.5:{size}").quality or 0 for size in sizes]
    assert qualities == sorted(set(qualities))
