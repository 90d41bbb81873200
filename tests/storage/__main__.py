"""Provokes every storage fault and prints what came of it as Markdown: `python -m tests.storage`. Exit 0: all held."""

import sys

from tests.storage.cases import CASEBOOK

if __name__ == "__main__":
    sys.exit(CASEBOOK.provoke())
