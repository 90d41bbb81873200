"""Every transaction of the program says at its beginning whether it writes."""

import ast
import re
from pathlib import Path

import amalfa

SOURCE = Path(amalfa.__file__).parent
WRITERS = {"store/writer.py", "store/schema.py", "store/salvage.py"}
READERS = {"store/readers.py"}


def begins() -> set[tuple[str, str]]:
    """(file, statement) of every BEGIN in a string of the program."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "BEGIN" in text else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for statement in re.findall(r"^\s*(BEGIN\b[A-Z ]*)", node.value, re.MULTILINE):
                    found.add((path.relative_to(SOURCE).as_posix(), statement.strip()))
    return found


def test_e11_whoever_writes_begins_immediate_and_only_readers_begin_otherwise() -> None:
    assert {file for file, statement in begins() if statement == "BEGIN IMMEDIATE"} == WRITERS
    assert {file for file, statement in begins() if statement != "BEGIN IMMEDIATE"} == READERS


def test_e11_connections_are_opened_in_the_store_alone_and_never_used_as_a_transaction() -> None:
    for path in SOURCE.rglob("*.py"):
        text, file = path.read_text(encoding="utf-8"), path.relative_to(SOURCE).as_posix()
        assert "apsw.Connection(" not in text or file.startswith("store/"), file
        if "import apsw" in text:
            assert not re.search(r"\bwith (self\._)?connection\b", text), f"{file}: a hidden, deferred BEGIN"
        assert "import sqlite3" not in text, file
