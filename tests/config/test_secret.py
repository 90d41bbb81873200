import copy
import json
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.secret import EnvReference, Secret, read_credential

TEXT = "sk-or-v1-0123456789abcdef"


def test_a_secret_shows_its_kind_and_its_last_three_characters() -> None:
    secret = Secret(TEXT)
    assert str(secret) == f"{secret}" == "sk-…def"
    assert repr(secret) == "Secret(sk-…def)"
    assert f"{secret:>10}" == "   sk-…def"
    assert secret.reveal() == TEXT


@given(st.text(max_size=11))
def test_a_short_secret_shows_nothing(text: str) -> None:
    assert str(Secret(text)) == "…"


@given(st.text(alphabet="abcdefghijk0123456789", min_size=12))
def test_a_long_one_shows_three_characters_at_most(text: str) -> None:
    assert str(Secret(text)) == f"…{text[-3:]}"


def test_a_secret_cannot_be_pickled_or_encoded() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(TEXT))
    with pytest.raises(TypeError):
        json.dumps(Secret(TEXT))
    assert TEXT not in json.dumps({"key": Secret(TEXT)}, default=str)


def test_no_traceback_with_a_secret_in_it_tells_it() -> None:
    try:
        raise ValueError(Secret(TEXT), [Secret(TEXT)])
    except ValueError:
        assert TEXT not in traceback.format_exc()


def test_secrets_compare_by_value_and_survive_copying() -> None:
    assert Secret(TEXT) == Secret(TEXT) == copy.deepcopy(Secret(TEXT)) == copy.copy(Secret(TEXT))
    assert Secret(TEXT) != Secret(TEXT + "x")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT)}) == 1


@pytest.mark.parametrize("text", ["$MY_KEY", "${MY_KEY}", " $MY_KEY "])
def test_a_dollar_names_a_variable(text: str) -> None:
    assert read_credential(text) == EnvReference("MY_KEY")


@pytest.mark.parametrize("text", ["", "  ", "$", "$1", "${A", "$A-B", "a\nb", "schlüssel"])
def test_what_can_be_neither_a_key_nor_a_reference_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is checked below
        read_credential(text)
    assert "schlüssel" not in str(caught.value)


def test_anything_else_is_a_key() -> None:
    assert read_credential(f" {TEXT} ") == Secret(TEXT)
