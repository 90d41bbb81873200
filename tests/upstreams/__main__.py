"""Runs one simulator in the foreground: `python -m tests.upstreams ollama --port 11434`."""

import sys

from tests.upstreams.cli import main

if __name__ == "__main__":
    sys.exit(main())
