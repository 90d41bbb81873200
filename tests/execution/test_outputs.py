"""The room for a reply follows the replies of its task and model, and never passes the configuration."""

from amalfa.execution.outputs import FEWEST_TOKENS, KEYS_MAX, SAMPLES_MIN, OutputSizes


def sizes_of(*tokens: int) -> OutputSizes:
    sizes = OutputSizes()
    for count in tokens:
        sizes.add("metadata", "m", count)
    return sizes


def test_before_enough_replies_the_configuration_speaks() -> None:
    assert sizes_of(*[100] * (SAMPLES_MIN - 1)).cap("metadata", "m", 1200) == 1200


def test_later_twice_the_usual_is_enough() -> None:
    assert sizes_of(*[200] * SAMPLES_MIN).cap("metadata", "m", 1200) == 400


def test_it_is_never_more_than_configured() -> None:
    assert sizes_of(*[1000] * SAMPLES_MIN).cap("metadata", "m", 1200) == 1200


def test_small_replies_keep_some_room() -> None:
    assert sizes_of(*[5] * SAMPLES_MIN).cap("metadata", "m", 1200) == FEWEST_TOKENS


def test_a_single_long_reply_among_a_hundred_does_not_count() -> None:
    assert sizes_of(*[200] * 99, 1000).cap("metadata", "m", 1200) == 400


def test_another_model_has_its_own_sizes() -> None:
    assert sizes_of(*[200] * SAMPLES_MIN).cap("metadata", "other", 1200) == 1200


def test_names_without_end_fill_no_memory() -> None:
    sizes = OutputSizes()
    for number in range(KEYS_MAX + 10):
        for _ in range(SAMPLES_MIN):
            sizes.add("metadata", f"m{number}", 200)
    assert sizes.cap("metadata", f"m{KEYS_MAX + 5}", 1200) == 1200
