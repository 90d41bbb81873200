import pytest

from amalfa.providers.embedded.kinds import fits_kind, gives_a_value, speaks_in_general
from amalfa.providers.embedded.question import Wanted
from amalfa.providers.embedded.sentences import Unit, units_of


def unit(text: str) -> Unit:
    return units_of(text)[0]


@pytest.mark.parametrize(
    ("wanted", "text", "fits"),
    [
        (Wanted.NUMBER, "The budget is 460 EUR.", 1.0),
        (Wanted.NUMBER, "预算定为460万元。", 1.0),
        (Wanted.NUMBER, "Each desk has five of them.", 0.5),
        (Wanted.NUMBER, "It runs on [[kestrel-03]] since 2024-05-01.", -1.0),
        (Wanted.TIME, "Salaries arrive on the 28th.", 1.0),
        (Wanted.TIME, "Come at nine.", 1.0),
        (Wanted.TIME, "It is rotated at 5 MB.", 1.0),
        (Wanted.TIME, "Ann can be reached on extension 4417.", -1.0),
        (Wanted.TIME, "Somebody once mixed up the tables.", -1.0),
        (Wanted.PLACE, "- City: Porto", 1.0),
        (Wanted.PLACE, "Lock them behind the bakery.", 1.0),
        (Wanted.COMMAND, "Run `make`.", 1.0),
        (Wanted.ANYTHING, "Anything.", 0.0),
    ],
)
def test_the_sign_of_each_kind_is_seen(wanted: Wanted, text: str, fits: float) -> None:
    assert fits_kind(wanted, unit(text)) == fits


@pytest.mark.parametrize(
    ("text", "is_value"),
    [
        ("- Lead: nobody", True),
        ("The port is 8080.", True),
        ("It is led by [[Ada]].", True),
        ("The client is Summit Glass.", True),
        ("The rules of Porto are strict.", False),
        ("Nobody has an opinion on this.", False),
        ("Marta: the archive group would like to have a clearer wording of it", False),
    ],
)
def test_a_value_is_told_from_talk(text: str, is_value: bool) -> None:
    assert gives_a_value(unit(text), {"porto"}) is is_value


def test_the_plural_where_one_was_asked_for_is_talk_in_general() -> None:
    assert speaks_in_general(unit("Somebody reviewed the page on oven temperatures."), {"oven", "temperatur"})
    assert not speaks_in_general(unit("The oven temperature is written down."), {"oven", "temperatur"})
