from amalfa.config.fields import keys_at, setting_rows


def test_rows_name_keys_attributes_and_defaults() -> None:
    rows = {row.key: row for row in setting_rows()}
    assert rows["sonar.routing.preferences.maxCostPer1kTokens"].attribute == "max_cost_per_1k_tokens"
    assert rows["sonar.catalog.*.json"].attribute == "has_json"
    assert rows["sonar.cloud.host"].default == "openrouter.ai/api/v1"
    assert rows["sonar.routing.chain[].model"].default is None
    assert "sonar.teams.*.chain[].model" in rows
    assert "sonar.cloud" not in rows


def test_the_keys_of_an_object_are_known_by_its_path() -> None:
    assert keys_at(()) == ("docs", "sonar")
    assert "timeout" in keys_at(("sonar", "tasks", "chat"))
    assert keys_at(("sonar", "routing", "chain", 0)) == ("model", "temperature")
    assert keys_at(("sonar", "teams", "x", "budget"))[-1] == "onLimit"
    assert keys_at(("sonar", "tasks")) == ()
    assert keys_at(("nowhere", "at", "all")) == ()
