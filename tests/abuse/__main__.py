"""Provokes every case of abuse and prints what came of it as Markdown: `python -m tests.abuse`. Exit 0: all held."""

import sys

from tests.abuse.cases import CASEBOOK

if __name__ == "__main__":
    sys.exit(CASEBOOK.provoke())
