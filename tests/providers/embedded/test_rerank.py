from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import Material
from amalfa.providers.embedded.rerank import rank
from amalfa.tasks.rerank import RerankReply


def order(query: str, *documents: tuple[str, str]) -> list[str]:
    return [one["id"] for one in rank(Material(question=query, documents=documents))["results"]]


def test_the_text_that_covers_the_query_comes_first() -> None:
    found = order(
        "switch to the cloud",
        ("a", "The cloud is white. The cloud is high. The cloud rains."),
        ("b", "Set this to switch to the cloud."),
        ("c", "Nothing here."),
    )
    assert found == ["b", "a", "c"]


def test_like_meaning_counts_for_something() -> None:
    assert order("delete a file", ("x", "Paint a wall."), ("y", "Erase the document."))[0] == "y"


def test_equals_keep_the_order_they_came_in() -> None:
    assert order("tea", ("one", "tea"), ("two", "tea"), ("three", "tea")) == ["one", "two", "three"]


def test_the_reason_names_the_shared_words() -> None:
    results = rank(Material(question="black tea", documents=(("a", "Black tea"), ("b", "coffee"))))["results"]
    assert [one["reason"] for one in results] == ["shares black, tea", "no word in common"]


@given(
    st.text(max_size=60), st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=80), min_size=1, max_size=8)
)
def test_every_id_comes_back_once_with_a_share_of_one(query: str, documents: dict[str, str]) -> None:
    material = Material(question=query, documents=tuple(documents.items()))
    reply = RerankReply.model_validate(rank(material))
    assert sorted(one.id for one in reply.results) == sorted(documents)
