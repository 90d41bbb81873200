from hypothesis import given
from hypothesis import strategies as st

from amalfa.providers.embedded.sentences import headings_of, sentences_of, units_of, without_front_matter
from tests.providers.embedded.manual import MANUAL


def test_sentences_end_where_people_end_them() -> None:
    assert sentences_of("See e.g. Fig. 3 of J. Smith. It costs 3.50 EUR! Is `a. b` fine? Dr. Ost says so.") == [
        "See e.g. Fig. 3 of J. Smith.",
        "It costs 3.50 EUR!",
        "Is `a. b` fine?",
        "Dr. Ost says so.",
    ]


def test_full_stops_of_other_scripts_need_no_blank_after_them() -> None:
    assert sentences_of("砂糖は35グラム。冷やします。") == ["砂糖は35グラム。", "冷やします。"]


def test_a_wrapped_sentence_is_one_piece() -> None:
    assert [unit.text for unit in units_of("One sentence\nover two lines. Another.")] == [
        "One sentence over two lines.",
        "Another.",
    ]


def test_a_table_row_knows_its_header_and_its_subject() -> None:
    row = next(unit for unit in units_of(MANUAL) if unit.kind == "row" and unit.text.startswith("| 5"))
    assert row.text == "| 5 | no provider could serve |"
    assert row.key == "5"
    assert "Exit codes" in row.context
    assert "meaning" in row.context


def test_a_code_block_is_whole_and_knows_the_line_that_leads_to_it() -> None:
    code = next(unit for unit in units_of(MANUAL) if unit.kind == "code")
    assert code.text.startswith("```sh\n")
    assert code.text.endswith("\n```")
    assert code.context.endswith("The key is read from `.env`:")


def test_an_unclosed_code_block_ends_with_the_text() -> None:
    assert [unit.kind for unit in units_of("~~~\n# not a heading\nx = 1")] == ["code"]


def test_list_items_lose_their_mark_and_keep_their_lead_word() -> None:
    item = next(unit for unit in units_of(MANUAL) if unit.text.startswith("**Memory"))
    assert (item.kind, item.key) == ("item", "Memory:")


def test_quoted_lines_are_taken_one_by_one_so_that_each_stands_in_the_note() -> None:
    assert [unit.text for unit in units_of("> first half\n> second half")] == ["first half", "second half"]


def test_rules_comments_and_headings_are_nothing_to_quote() -> None:
    assert units_of("# Title\n\n---\n\n<!-- hidden -->\n\nUnder\n=====\n")[0].text == "Under"
    assert len(units_of("# Title\n\n***\n<!-- hidden -->\n")) == 0


def test_lines_point_into_the_text() -> None:
    lines = MANUAL.splitlines()
    for unit in units_of(MANUAL):
        there = " ".join(" ".join(lines[unit.first_line : unit.last_line + 1]).split())
        assert " ".join(unit.text.split()) in there


def test_front_matter_is_taken_off_only_from_the_top() -> None:
    assert without_front_matter(MANUAL).lstrip().startswith("# Sonar manual")
    assert without_front_matter("text\n---\na: b\n---\n") == "text\n---\na: b\n---\n"


def test_headings_inside_code_are_code() -> None:
    assert headings_of("# One\n```\n# two\n```\n## Three ##\n") == [(1, "One"), (2, "Three")]


@given(st.text(alphabet=st.sampled_from("ab .|-#`~*:\n1。\t[]"), max_size=300))
def test_any_text_comes_apart_into_pieces_that_stand_in_it(text: str) -> None:
    for unit in units_of(text):
        assert unit.text
        for word in unit.text.split():
            assert word in text
