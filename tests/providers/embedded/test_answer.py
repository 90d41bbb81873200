import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalfa.calls import Material, Passage
from amalfa.providers.embedded.answer import NOT_IN_NOTES, OPENING, answer
from tests.providers.embedded.manual import COOKING, MANUAL, passages_of

OtherWordsGiven = tuple[tuple[str, tuple[str, ...]], ...]


def ask(
    question: str,
    passages: tuple[Passage, ...] | None = None,
    *,
    max_chars: int = 4000,
    other_words: OtherWordsGiven = (),
) -> list[str]:
    """The reply's quoted parts; the opening line is checked and left out."""
    found = passages if passages is not None else passages_of(MANUAL)
    parts = list(answer(Material(question, found, other_words=other_words), max_chars=max_chars))
    if parts[0].startswith(NOT_IN_NOTES):
        return parts
    assert parts[0].strip() == OPENING
    return [part.strip() for part in parts[1:]]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        (
            "How do I switch sonar to the cloud?",
            "To switch sonar to the cloud, set `sonar.cloud.enabled` to `true`. [2]",
        ),
        ("Where does sonar keep its socket?", "The socket is kept in the project's state folder as `sonar.sock`. [3]"),
        ("What does exit code 5 mean?", "| 5 | no provider could serve | [4]"),
        ("What does exit code 4 mean?", "| 4 | nothing found in the notes | [4]"),
        ("How much memory does sonar take when idle?", "**Memory:** at most 80 MB when idle [5]"),
        ("how many questions at once", "**Questions at once:** 64, then callers are told to wait [5]"),
        ("Where are the logs written?", "Logs are written to `logs/sonar.log` and rotated at 5 MB. [3]"),
        (
            "Why is the index refreshed?",
            "The index is refreshed every 10 minutes because some editors hide their edits from watchers. [5]",
        ),
        ("What is sonar?", "Sonar is a daemon that answers questions over a folder of notes. [1]"),
    ],
)
def test_the_first_sentence_is_the_one_that_answers(question: str, first: str) -> None:
    assert ask(question)[0] == first


def test_every_quote_stands_word_for_word_in_the_passage_its_number_names() -> None:
    passages = passages_of(MANUAL)
    for question in (
        "How do I switch sonar to the cloud?",
        "What does exit code 5 mean?",
        "Where are the logs written?",
    ):
        for part in ask(question):
            found = re.fullmatch(r"(.*?)\s\[(\d+)\]", part, re.DOTALL)
            assert found, part
            assert " ".join(found[1].split()) in " ".join(passages[int(found[2]) - 1].text.split())


def test_a_code_block_that_is_the_answer_comes_whole_after_the_line_that_leads_to_it() -> None:
    parts = ask("How do I write the key into .env?")
    at = parts.index("The key is read from `.env`: [2]")
    assert parts[at + 1] == (
        "```sh\necho 'OPENROUTER_API_KEY=sk-or-...' >> .env\namalfa config set sonar.cloud.enabled true\n```\n[2]"
    )


@pytest.mark.parametrize(
    "question",
    [
        "Who is the mayor of Berlin?",
        "What does exit code 9 mean?",
        "How much does a licence cost?",
        "Where does Grafana keep its socket?",
        "How do I switch sonar to Kubernetes?",
    ],
)
def test_what_the_passages_do_not_say_is_refused_with_the_mark_first(question: str) -> None:
    assert "".join(ask(question)).split()[0] == NOT_IN_NOTES


def test_who_asks_how_to_do_a_thing_gets_the_commands_under_the_sentence() -> None:
    text = "Rotate the key of the kettle by replacing it in its drawer.\n\n```sh\nkettle key --new\n```\n\nIt is red."
    passages = (Passage("kettle.md", 1, 7, "Kettle", text, title="Kettle"),)
    assert ask("How do I rotate the key of the kettle?", passages)[1] == "```sh\nkettle key --new\n```\n[1]"


def test_no_passages_are_refused_too() -> None:
    assert ask("What is sonar?", ())[0].startswith(NOT_IN_NOTES)


def test_a_number_is_asked_for_so_a_line_without_one_is_no_answer() -> None:
    text = "# Pool\n\nThe pool has many lanes and everybody likes its lanes.\n\nThere are 8 lanes.\n"
    assert (
        ask("How many lanes does the pool have?", passages_of(text, "pool.md", "Pool"))[0] == "There are 8 lanes. [1]"
    )


def test_a_line_that_holds_the_whole_question_may_answer_without_a_number() -> None:
    text = "# Prices\n\nA local answer costs nothing.\n"
    assert ask("How much does a local answer cost?", passages_of(text, "prices.md", "Prices")) == [
        "A local answer costs nothing. [1]"
    ]


def person(name: str, extension: str) -> Passage:
    path = f"people/{name.lower().replace(' ', '-')}.md"
    return Passage(path, 1, 3, name, f"# {name}\n\n- Extension: {extension}", title=name)


def test_a_sibling_with_half_of_the_name_does_not_answer() -> None:
    others = (person("Marta Lindqvist", "1111"), person("Brigitte Kowalczyk", "2222"))
    assert ask("What is the extension of Marta Kowalczyk?", others)[0].startswith(NOT_IN_NOTES)
    found = ask("What is the extension of Marta Kowalczyk?", (*others, person("Marta Kowalczyk", "3333")))
    assert found == ["Extension: 3333 [3]"]


def test_a_word_that_names_one_of_the_notes_must_be_in_the_note_that_answers() -> None:
    cakes = tuple(
        Passage(
            f"{fruit}-cake.md",
            1,
            3,
            f"{fruit} cake",
            f"# {fruit} cake\n\nThe oven must have {heat} °C.",
            title=f"{fruit} cake",
        )
        for fruit, heat in (("plum", 170), ("pear", 180))
    )
    assert ask("How hot is the oven for the pear cake?", cakes) == ["The oven must have 180 °C. [2]"]
    assert ask(
        "How hot is the oven for the fig cake?", (*cakes, passages_of("# fig jam\n", "fig-jam.md", "fig jam")[0])
    )[0].startswith(NOT_IN_NOTES)


def test_an_alias_in_another_passage_of_the_same_note_names_it() -> None:
    front = Passage("people/b.md", 1, 4, "", "---\naliases: [Bibi]\n---\n# Brigitte Ost", title="Brigitte Ost")
    body = Passage("people/b.md", 6, 7, "Brigitte Ost > Contact", "## Contact\n- Extension: 4417", title="Brigitte Ost")
    assert ask("What is the extension of Bibi?", (front, body)) == ["Extension: 4417 [2]"]


def test_the_latest_of_several_dated_notes_comes_first_when_it_is_asked_for() -> None:
    def minutes(day: str, budget: str) -> Passage:
        return Passage(
            f"meetings/{day}-heron.md", 1, 1, f"Heron {day}", f"The budget is now {budget}.", title=f"Heron {day}"
        )

    passages = (minutes("2024-03-01", "10 EUR"), minutes("2024-09-01", "30 EUR"), minutes("2024-05-01", "20 EUR"))
    assert ask("What is the latest budget of Heron?", passages)[0] == "The budget is now 30 EUR. [2]"


def test_a_day_in_words_finds_the_note_that_has_it_in_digits() -> None:
    notes = tuple(
        Passage(f"log/{day}.md", 1, 1, f"Log {day}", f"We decided to use {tool}.", title=f"Log {day}")
        for day, tool in (("2024-05-13", "slate"), ("2024-05-14", "marble"))
    )
    assert ask("What did we decide on 14 May 2024?", notes) == ["We decided to use marble. [2]"]
    assert ask("What did we decide on 15 May 2024?", notes)[0].startswith(NOT_IN_NOTES)


def test_an_identifier_leads_to_the_line_that_holds_it() -> None:
    assert ask(
        "Who carries badge 45-3004?", (Passage("p/a.md", 1, 1, "Ann Ost", "- Badge: 45-3004", title="Ann Ost"),)
    ) == ["Badge: 45-3004 [1]"]


def test_a_line_that_only_names_the_thing_does_not_tell_its_port() -> None:
    project = Passage("heron.md", 1, 1, "Heron", "- Hosted on: [[kestrel-04]]", title="Heron project")
    assert ask("Which SSH port does kestrel-04 use?", (project,))[0].startswith(NOT_IN_NOTES)
    assert ask("Which project is on kestrel-04?", (project,)) == ["Hosted on: [[kestrel-04]] [1]"]


def test_a_link_is_followed_to_the_second_half_of_the_answer() -> None:
    project = Passage(
        "heron.md", 1, 1, "Project Heron", "The lead of Project Heron is [[Ada Ost]].", title="Project Heron"
    )
    lead = Passage("ada.md", 1, 1, "Ada Ost", "Ada lives in Porto.", title="Ada Ost")
    assert ask("In which city does the lead of Project Heron live?", (project, lead)) == [
        "The lead of Project Heron is [[Ada Ost]]. [1]",
        "Ada lives in Porto. [2]",
    ]


def test_what_search_found_instead_of_a_word_answers_a_question_in_other_words() -> None:
    house = passages_of(
        "# House\n\n## Heating\n\nThe thermostat is fixed at 21 degrees.\n\n## Lost things\n\nThey wait 6 weeks.\n",
        "house.md",
        "House rules",
    )
    question = "How warm are the rooms kept?"
    found = ask(question, house, other_words=(("warm", ("degrees", "thermostat")), ("kept", ("stored",))))
    assert found == ["The thermostat is fixed at 21 degrees. [2]"]
    assert ask(question, house, other_words=(("rooms", ("chambers",)),))[0].startswith(NOT_IN_NOTES)


def test_another_name_that_search_knows_stands_for_the_note_it_names() -> None:
    others = (person("Marta Lindqvist", "1111"), person("Brigitte Ost", "4417"))
    question = "What is the extension of Bibi?"
    assert ask(question, others, other_words=(("Bibi", ("brigitte ost",)),)) == ["Extension: 4417 [2]"]
    assert ask(question, others)[0].startswith(NOT_IN_NOTES)


def test_a_nickname_of_several_small_words_is_a_name_too() -> None:
    servers = tuple(
        Passage(f"{name}.md", 1, 3, name, f"# {name}\n\n- Memory: {size} GB", title=name)
        for name, size in (("kestrel-01", 64), ("kestrel-02", 128))
    )
    found = ask("How much memory has the old box?", servers, other_words=(("the old box", ("kestrel 02",)),))
    assert found == ["Memory: 128 GB [2]"]


def test_a_thing_that_is_also_the_name_of_a_note_may_just_be_a_thing() -> None:
    desk = Passage("desk.md", 1, 3, "Front desk", "# Front desk\n\nA lost umbrella waits 6 weeks.", title="Front desk")
    project = Passage("grey.md", 1, 3, "Grey Tern", "# Grey Tern\n\n- Budget: 5 EUR", title="Grey Tern")
    given = (("umbrella", ("grey tern",)),)
    assert ask("How long does a lost umbrella wait at the front desk?", (project, desk), other_words=given) == [
        "A lost umbrella waits 6 weeks. [2]"
    ]


def test_a_remark_on_such_things_in_general_gives_no_value() -> None:
    text = "# Invoice 7-01\n\nThe audit has no opinion on invoice amounts.\n"
    invoice = passages_of(text, "invoice-7-01.md", "Invoice 7-01")
    assert ask(
        "What is the oven temperature of the pear cake?",
        passages_of(
            "# Pear cake\n\nSomebody reviewed the page on oven temperatures.\n\n- Oven temperature: 180 °C\n",
            "pear.md",
            "Pear cake",
        ),
    ) == ["Oven temperature: 180 °C [1]"]
    assert ask("How much does invoice 7-01 cost?", invoice, other_words=(("cost", ("price",)),))[0].startswith(
        NOT_IN_NOTES
    )


def test_a_long_block_of_code_answers_only_who_asks_how_to_do_something() -> None:
    lines = "\n".join(f"offline_{at} = {at}" for at in range(40))
    note = passages_of(f"# Offline\n\n```ini\n{lines}\n```\n", "offline.md", "Working offline")
    assert ask("What happens offline?", note)[0].startswith(NOT_IN_NOTES)
    assert ask("How do I set offline_3?", note)[0].startswith("```ini")


def test_the_sentence_that_begins_with_the_deed_comes_first() -> None:
    text = "# Models\n\nA change of `model` is written down by sonar.\n\nChange the model with `sonar.model`.\n"
    assert ask("How do I change the model?", passages_of(text, "models.md", "Models"))[0] == (
        "Change the model with `sonar.model`. [1]"
    )


def test_a_sentence_may_leave_the_name_to_its_neighbour() -> None:
    text = "# Hosts\n\nAsk Heron for a host. Hosts that are down are left out.\n"
    assert ask("What happens when Heron is down?", passages_of(text, "hosts.md", "Hosts")) == [
        "Hosts that are down are left out. [1]"
    ]


def test_the_second_step_is_taken_rather_than_a_remark_in_the_first_note() -> None:
    project = Passage(
        "heron.md",
        1,
        5,
        "Project Heron",
        "# Project Heron\n\nNobody has an opinion on phone extensions.\n\n- Lead: [[Ada Ost]]",
        title="Project Heron",
    )
    lead = Passage("ada.md", 1, 1, "Ada Ost", "Ada can be reached on extension 4417.", title="Ada Ost")
    assert ask("What is the phone extension of the lead of Project Heron?", (project, lead)) == [
        "Lead: [[Ada Ost]] [1]",
        "Ada can be reached on extension 4417. [2]",
    ]


def test_the_same_said_twice_is_quoted_once() -> None:
    twins = tuple(Passage(f"{at}.md", 1, 1, "Pool", "The pool opens at 7 in the morning.", title="Pool") for at in "ab")
    assert len(ask("When does the pool open?", twins)) == 1


@pytest.mark.parametrize(
    ("text", "question", "first"),
    [
        (
            "# 抹茶プリン\n\n砂糖は35グラム使います。冷蔵庫で90分冷やします。\n",
            "抹茶プリンに使う砂糖は何グラムですか?",
            "砂糖は35グラム使います。 [1]",
        ),
        (
            "# Gîte\n\nLa nuitée coûte 41 euros. Le code est 1234.\n",
            "Combien coute la nuitee ?",
            "La nuitée coûte 41 euros. [1]",
        ),
        (
            "# Łódź\n\nBiuro jest w Łodzi.\nThe office in Łódź has 12 desks.\n",
            "How many desks has Lodz?",
            "The office in Łódź has 12 desks. [1]",
        ),
    ],
)
def test_accents_and_scripts_without_spaces_are_read(text: str, question: str, first: str) -> None:
    assert ask(question, passages_of(text, "note.md", text.splitlines()[0].removeprefix("# ")))[0] == first


def test_the_reply_stays_within_its_length_but_always_has_one_quote() -> None:
    assert len(ask("What is sonar?", max_chars=1)) == 1


def test_unrelated_passages_do_not_answer_for_the_related_one() -> None:
    both = (*passages_of(COOKING, "soup.md", "Tomato soup"), *passages_of(MANUAL))
    assert ask("At how many degrees are tomatoes roasted?", both) == [
        "Roast the tomatoes at 190 °C for 40 minutes. [1]"
    ]


@given(st.text(max_size=200), st.text(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_question_over_any_text_gets_quotes_or_a_refusal(question: str, text: str) -> None:
    passage = Passage("a.md", 1, max(1, text.count("\n") + 1), "", text)
    reply = "".join(answer(Material(question=question, passages=(passage,)), max_chars=500))
    assert reply.startswith((NOT_IN_NOTES, OPENING))
