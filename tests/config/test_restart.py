from amalfa.config.fields import setting_rows
from amalfa.config.restart import NEEDS_RESTART, changed_for_restart
from amalfa.config.settings import Settings


def test_only_what_says_where_sonar_listens_needs_a_restart() -> None:
    old = Settings()
    new = Settings.model_validate({"sonar": {"http": {"port": 4000}, "model": "other"}})
    assert changed_for_restart(old, new) == ("sonar.http.port",)
    assert changed_for_restart(new, new) == ()


def test_they_are_settings() -> None:
    assert set(NEEDS_RESTART) <= {row.key for row in setting_rows()}
