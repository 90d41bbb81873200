"""Reading scripts, consuming steps, and refusing what is not known."""

import json
import re
from pathlib import Path

import pytest

from tests.upstreams.openrouter_oddities import CHANGES
from tests.upstreams.openrouter_stream import LATE_FORMS
from tests.upstreams.script import FAULTS, LATE_ERRORS, ODDITIES, BadScript, Script, Step, step_from

README = Path(__file__).with_name("README.md").read_text("utf-8")


def _script() -> Script:
    return Script(frozenset({"queue_full"}))


def test_steps_are_used_in_order_and_then_the_default_holds() -> None:
    script = _script()
    script.add("m", ["one", {"text": "two", "times": 2}], then={"status": 500})
    said = [script.take("m") for _ in range(5)]
    assert [step.text if step else None for step in said] == ["one", "two", "two", None, None]
    assert said[-1] == Step(status=500)


def test_the_first_key_with_a_step_wins() -> None:
    script = _script()
    script.add("*", ["any"])
    script.add("m", ["own"])
    taken = [script.take("m", "*"), script.take("m", "*"), script.take("m", "*")]
    assert [step.text if step else None for step in taken] == ["own", "any", None]


def test_a_script_file_may_be_a_list_or_an_object(tmp_path: Path) -> None:
    script = _script()
    for content in (["a"], {"m": [{"fault": "reset"}], "x": {"queue": ["b"], "then": "c"}}):
        path = tmp_path / "script.json"
        path.write_text(json.dumps(content), "utf-8")
        script.load(path)
    assert script.take("*") == Step(text="a")
    reset = script.take("m")
    assert reset is not None
    assert reset.fault_named("reset")
    assert [script.take("x"), script.take("x"), script.take("x")] == [Step(text="b"), Step(text="c"), Step(text="c")]


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"txt": "x"}, "did you mean 'text'"),
        ({"fault": "cut_afer:2"}, "did you mean 'cut_after'"),
        ({"odd": "blnk"}, "did you mean 'blank'"),
        ({"error": "queue_ful"}, "did you mean 'queue_full'"),
    ],
)
def test_a_misspelt_word_is_refused_with_a_suggestion(given: dict[str, str], hint: str) -> None:
    with pytest.raises(BadScript, match=re.escape(hint)):
        _script().add("*", [given])


@pytest.mark.parametrize("text", ["{", "3", '{"m": [{"nonsense": 1}]}'])
def test_a_bad_file_is_named_in_the_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, "utf-8")
    with pytest.raises(BadScript, match=re.escape(str(path))):
        _script().load(path)


def test_arguments_of_faults_keep_their_colons() -> None:
    fault = step_from({"fault": "redirect:http://127.0.0.1:9/x"}).fault[0]
    assert (fault.name, fault.argument) == ("redirect", "http://127.0.0.1:9/x")


def test_every_fault_and_oddity_is_described_and_played() -> None:
    folder = Path(__file__).parent
    sources = "".join(path.read_text("utf-8") for path in folder.glob("*.py") if path.name != "script.py")
    for name in FAULTS | ODDITIES | LATE_ERRORS:
        assert re.search(rf'[`" ]{name}[`:" ]', README), f"{name} is not in README.md"
        assert f'"{name}"' in sources, f"{name} is played nowhere"


def test_the_lists_of_names_agree_with_what_can_be_played() -> None:
    assert set(CHANGES) <= ODDITIES
    assert set(LATE_FORMS) == LATE_ERRORS
