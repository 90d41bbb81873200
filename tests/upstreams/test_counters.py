"""Counts, and setting them back."""

from tests.upstreams.ollama_counters import OllamaCounters


def test_counts_are_set_back_but_what_is_under_way_stays_counted() -> None:
    counters = OllamaCounters()
    counters.note_load("a", is_swap=True, is_reload=False)
    counters.served.append("a")
    counters.enter()
    counters.enter()
    counters.leave()
    assert (counters.loads, counters.swaps, counters.most_in_flight) == (1, 1, 2)
    counters.reset()
    assert counters == OllamaCounters(in_flight=1, most_in_flight=1)
