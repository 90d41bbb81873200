import json
from pathlib import Path

import pytest

from benchmarks.catalog import CATALOG
from benchmarks.report import Report, Table

TABLE = Table("search", ("engine", "recall", "ms"), (("amalfa", 0.95, 12.345), ("grep", None, 3)))


def test_a_table_lines_up_and_shows_what_is_missing_as_a_dash() -> None:
    assert TABLE.text().splitlines() == [
        "search",
        "------  ------  ----",
        "engine  recall    ms",
        "------  ------  ----",
        "amalfa   0.950  12.3",
        "grep         -     3",
    ]


def test_figures_are_saved_under_the_name_of_the_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("search", (TABLE,), {"recall": 0.95}, ("a remark",))
    report.print()
    assert capsys.readouterr().out.endswith("a remark\n")
    path = report.save(tmp_path / "bench")
    assert path.name == "search.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {"recall": 0.95}


def test_every_listed_benchmark_is_a_module_that_exists() -> None:
    root = Path(__file__).parents[2]
    for entry in CATALOG.values():
        assert (root / (entry.module.replace(".", "/") + ".py")).is_file()
        assert entry.about
