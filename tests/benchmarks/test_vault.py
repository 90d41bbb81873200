import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from amalfa.providers.embedded.terms import asked_terms, telling, terms_of
from benchmarks import vault as vault_command
from benchmarks.vault import Vault, make_vault
from benchmarks.world.house_rules import SITES
from benchmarks.world.kinds import Attribute
from benchmarks.world.population import KINDS
from benchmarks.world.question import Question, Span, read_question

DIGEST = """
import hashlib
from benchmarks.vault import make_vault
made = make_vault(120, 3, 40)
text = repr([(note.path, note.text) for note in made.notes]) + repr(made.questions) + repr(made.edits)
print(hashlib.sha256(text.encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def whole() -> Vault:
    return make_vault(1_000, 7)


def line_of(vault: Vault, span: Span) -> str:
    note = next(note for note in vault.notes if note.path == span.path)
    return note.lines[span.line - 1]


def of_reason(vault: Vault, reason: str) -> list[Question]:
    found = [question for question in vault.questions if question.reason == reason]
    assert found
    return found


def test_a_seed_gives_the_same_vault_in_every_process() -> None:
    root = Path(__file__).parents[2]
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_gives_another_vault() -> None:
    assert make_vault(100, 1, 20) != make_vault(100, 2, 20)


def test_it_has_the_numbers_it_promises(whole: Vault) -> None:
    assert len(whole.notes) == 1_000
    assert len({note.path.casefold() for note in whole.notes}) == 1_000
    assert Counter(question.type for question in whole.questions) == {
        "numeric": 30,
        "exact": 30,
        "alias": 25,
        "multi-hop": 25,
        "temporal": 25,
        "paraphrase": 25,
        "unanswerable": 40,
    }
    assert (
        len({question.id for question in whole.questions})
        == len({question.text for question in whole.questions})
        == 200
    )
    assert len(whole.edits) == 10


@pytest.mark.parametrize("seed", [7, 8])
def test_every_gold_line_holds_the_answer(seed: int) -> None:
    vault = make_vault(1_000, seed)
    for question in vault.questions:
        for gold in question.golds:
            for span in gold.spans:
                assert gold.holds in line_of(vault, span), question


def test_the_first_hop_names_the_note_of_the_second(whole: Vault) -> None:
    for question in (one for one in whole.questions if one.type == "multi-hop"):
        first, second = question.golds
        note = next(note for note in whole.notes if note.path == second.spans[0].path)
        assert f"# {first.holds}" in note.lines
        assert first.holds not in question.text


def test_aliases_stand_in_for_the_name(whole: Vault) -> None:
    for question in (one for one in whole.questions if one.type == "alias"):
        note = next(note for note in whole.notes if note.path == question.golds[0].spans[0].path)
        title = next(line for line in note.lines if line.startswith("# ")).removeprefix("# ")
        aliases = re.findall(r"^aliases: \[(.*)\]$", note.text, re.MULTILINE)
        assert aliases
        assert aliases[0] in question.text
        assert title not in question.text


def test_paraphrases_share_no_word_of_meaning_with_their_line(whole: Vault) -> None:
    sites = {term for site in SITES for term in terms_of(site)}
    for question in (one for one in whole.questions if one.type == "paraphrase"):
        asked = set(telling(asked_terms(question.text))) - sites
        told = set(terms_of(line_of(whole, question.golds[0].spans[0])))
        assert not asked & told, question.text


def test_what_is_left_out_stands_nowhere_in_the_notes_on_it(whole: Vault) -> None:
    attributes = {one.name: one for kind in KINDS for one in kind.attributes}
    for question in of_reason(whole, "the notes on it leave this out"):
        name, attribute = question.about
        told = told_by(attributes[attribute])
        notes = [note for note in whole.notes if re.search(rf"^# .*{re.escape(name)}\b", note.text, re.MULTILINE)]
        assert notes
        for note in notes:
            assert not any(told.search(line) for line in note.lines), (question.text, note.path)


def told_by(attribute: Attribute) -> re.Pattern[str]:
    """Every way in which a note may state the attribute."""
    labels = "|".join(re.escape(label) for label in attribute.labels)
    sentences = "|".join(
        re.escape(one).replace(r"\{s\}", ".+?").replace(r"\{v\}", "[^ ].*?") for one in attribute.sentences
    )
    return re.compile(rf"^(?:\| |[-*] (?:\*\*|`)?)(?:{labels})(?:\b|:|`)|(?:^|[.] )(?:{sentences})")


def test_a_near_miss_is_never_named_in_the_notes(whole: Vault) -> None:
    everything = "\n".join(note.text for note in whole.notes).casefold()
    for question in of_reason(whole, "there is no such thing"):
        assert not re.search(rf"(?<![\w-]){re.escape(question.about[0].casefold())}(?![\w-])", everything), (
            question.text
        )


def test_there_was_no_meeting_on_the_day_asked_for(whole: Vault) -> None:
    for question in of_reason(whole, "there was no such meeting"):
        project, decision = question.about
        day = decision.split()[-1]
        slug = project.lower().replace(" ", "-")
        assert any(note.path.endswith(f"-{slug}.md") for note in whole.notes if note.path.startswith("meetings/"))
        assert f"meetings/{day}-{slug}.md" not in {note.path for note in whole.notes}


def test_the_site_has_pages_but_not_that_one(whole: Vault) -> None:
    for question in of_reason(whole, "the site has no such page"):
        site, rule = question.about
        titles = {
            line
            for note in whole.notes
            for line in note.lines
            if line.startswith("# ") and line.endswith(f" in {site}")
        }
        assert titles
        assert f"# {rule.split(':')[0]} in {site}" not in titles


def test_it_has_all_that_makes_folders_hard(whole: Vault) -> None:
    texts = {note.path: note.text for note in whole.notes}
    together = "\n".join(texts.values())
    assert max(len(text) for text in texts.values()) > 30_000
    assert "amalfa: private" in together
    assert "Ignore all previous instructions" in together
    assert re.search("[\u3040-\u30ff]", together)
    assert re.search("[\uac00-\ud7af]", together)
    assert "Núñez" in together
    assert "```sh" in together
    assert "| what | value |" in together
    twins = [path for path in texts if "(conflicted copy)" in path]
    assert len(twins) == 20
    assert all(texts[path] == texts[path.replace(" (conflicted copy)", "")] for path in twins)


def test_the_secrets_are_plainly_made_up(whole: Vault) -> None:
    secrets = next(note for note in whole.notes if note.path == "inbox/scratch-keys.md")
    keys = re.findall(r"=(\S+)", secrets.text)
    assert len(keys) >= 4
    assert all("FAKE" in key or key.endswith("FU=") or "RkFLRS" in key for key in keys)


def test_an_edit_moves_the_answer_and_takes_the_old_line_away(whole: Vault) -> None:
    by_id = {question.id: question for question in whole.questions}
    for edit in whole.edits:
        old = by_id[edit.question_id].golds[-1]
        span = edit.gold.spans[0]
        lines = edit.text.splitlines()
        assert edit.gold.holds in lines[span.line - 1]
        assert span.line != old.spans[0].line
        assert line_of(whole, old.spans[0]) not in lines or old.holds == edit.gold.holds


def test_more_notes_are_bulk_that_no_question_is_about() -> None:
    vault = make_vault(1_010, 7, 20)
    bulk = [note for note in vault.notes if note.path.startswith("bulk/")]
    assert len(bulk) == 10
    assert all(len(note.text) > 4_500 for note in bulk)


def test_a_small_vault_has_every_kind_and_too_small_a_one_is_refused() -> None:
    vault = make_vault(60, 7, 40)
    assert len(vault.questions) == 40
    assert {question.type for question in vault.questions} >= {"multi-hop", "temporal", "paraphrase", "unanswerable"}
    with pytest.raises(ValueError, match="at least 60"):
        make_vault(59)


def test_the_command_writes_what_can_be_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["vault", str(tmp_path), "--notes", "80", "--seed", "5", "--questions", "40"])
    vault_command.main()
    made = make_vault(80, 5, 40)
    assert "80 notes" in capsys.readouterr().out
    for note in made.notes:
        assert (tmp_path / "notes" / note.path).read_text(encoding="utf-8") == note.text
    lines = (tmp_path / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    assert tuple(read_question(line) for line in lines) == made.questions
