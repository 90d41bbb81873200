"""What a benchmark found: tables for people, numbers for machines. Measures nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def text(self) -> str:
        """The table in columns; numbers to the right, None as a dash."""
        shown = [self.columns, *(tuple(_shown(cell) for cell in row) for row in self.rows)]
        widths = [max(len(row[at]) for row in shown) for at in range(len(self.columns))]
        lines = [
            "  ".join(_placed(cell, width, at) for at, (cell, width) in enumerate(zip(row, widths, strict=True)))
            for row in shown
        ]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([self.title, rule, lines[0], rule, *lines[1:], ""])


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:.1f}"
    return str(cell)


def _placed(cell: str, width: int, at: int) -> str:
    return cell.ljust(width) if at == 0 else cell.rjust(width)


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's outcome. `figures` is what the JSON file holds."""

    name: str
    tables: tuple[Table, ...]
    figures: Mapping[str, object]
    remarks: Sequence[str] = ()

    def print(self) -> None:
        for table in self.tables:
            print(f"\n{table.text()}", end="")
        for remark in self.remarks:
            print(remark)

    def save(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(self.figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path
