from amalfa.cli.table import cells, table


def test_columns_line_up_whatever_the_script() -> None:
    text = table(["name", "what"], [["東京", "x"], ["ascii", "y"]], width=80)
    assert [cells(line.rpartition("  ")[0]) for line in text.split("\n")] == [5, 5, 5]


def test_a_long_last_column_is_wrapped_under_itself() -> None:
    text = table(["a", "b"], [["x", "word " * 20]], width=40)
    assert all(cells(line) <= 40 for line in text.split("\n"))
    assert text.split("\n")[2].startswith("   word")


def test_a_narrow_terminal_gets_stacked_rows() -> None:
    rows = [["ollama:qwen2.5:1.5b", "refused", "unreachable", "the host does not answer"]]
    text = table(["model", "verdict", "code", "detail"], rows, width=40)
    assert text.startswith("ollama:qwen2.5:1.5b\n  verdict: refused\n")
    assert all(cells(line) <= 40 for line in text.split("\n"))
