"""Equal work is known as equal, other work as other."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import PrivacyClass, Wish
from amalfa.jobs.job import JobTerms
from amalfa.jobs.terms import note_to_do, settings_hash_of, terms_from, terms_text
from amalfa.tasks.desk import TaskRules

RULES = TaskRules(60.0, 0.2, 1_200, PrivacyClass.CLOUD_OK)
NOTE = "---\ntitle: Pumps\n---\n# Pumps\n\nThey move water.\n"


def test_what_a_task_writes_into_the_front_matter_changes_nothing() -> None:
    before = note_to_do("metadata", "s", "a.md", NOTE)
    assert note_to_do("metadata", "s", "a.md", NOTE.replace("title: Pumps", "title: Pumps\nkeywords: [a, b]")) == before
    assert note_to_do("metadata", "s", "a.md", "# Pumps\n\nThey move water.\n") == before


def test_another_text_path_task_or_setting_is_other_work() -> None:
    idems = {
        note_to_do(task, setting, path, text).idem
        for task in ("metadata", "other")
        for setting in ("s", "t")
        for path in ("a.md", "b.md")
        for text in (NOTE, f"{NOTE}More.")
    }
    assert len(idems) == 16


def test_a_front_matter_that_never_ends_is_text() -> None:
    assert note_to_do("m", "s", "a", "---\nfoo\n") != note_to_do("m", "s", "a", "---\nbar\n")


def test_settings_that_change_the_result_are_hashed_and_others_are_not() -> None:
    terms = JobTerms(Wish())
    usual = settings_hash_of("1", terms, RULES)
    assert settings_hash_of("2", terms, RULES) != usual
    assert settings_hash_of("1", JobTerms(Wish(model="ollama:big")), RULES) != usual
    assert settings_hash_of("1", terms, replace(RULES, temperature=0.9)) != usual
    assert settings_hash_of("1", JobTerms(Wish(max_cost_usd=1.0), PrivacyClass.LOCAL_ONLY), RULES) == usual
    assert settings_hash_of("1", terms, replace(RULES, timeout_s=5.0)) == usual


@given(
    st.builds(
        JobTerms,
        st.builds(
            Wish,
            st.none() | st.text(max_size=20),
            st.sampled_from([None, "local", "cloud"]),
            st.none() | st.text(max_size=20),
            st.none(),
            st.none() | st.floats(0, 100),
        ),
        st.sampled_from(list(PrivacyClass)),
    )
)
def test_terms_survive_the_database(terms: JobTerms) -> None:
    assert terms_from(terms_text(terms)) == terms
